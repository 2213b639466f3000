import { bytesOf, bytesOfBase64, kindOf, type Bytes } from './bytes.js';
import { ArgumentError, type Cause } from './errors.js';
import type { TransportName } from './states.js';

/** Base URLs of a bridge whose transports have different ones. */
export interface BridgeUrls {
  /** As in `https://bridge.example:4433`. */
  webtransport?: string;
  /** As in `http://127.0.0.1:8080`, where offers are posted. */
  webrtc?: string;
}

/** Options of a connection. */
export interface ConnectOptions {
  /** The bridge's base URL, as in `https://bridge.example:4433`, or one for each transport. */
  bridge: string | BridgeUrls;
  /**
   * Transport to the bridge. `auto`, the default, takes WebTransport, or WebRTC where WebTransport
   * is missing or does not open within three seconds.
   */
  transport?: 'auto' | TransportName;
  /**
   * SHA-256 of certificates that WebTransport accepts though no authority signed them: 32 bytes,
   * or text in base64, as `netcode-bridge` prints it, or in hexadecimal digits, colons allowed. For
   * development: browsers ask for ECDSA and for at most 14 days of validity.
   */
  certificateHashes?: readonly (string | Bytes)[];
  /**
   * Aborts the attempt, which then rejects with the signal's reason, or closes the connection that
   * has come of it.
   */
  signal?: AbortSignal;
}

/** Options in the form of the module's. */
export interface Route {
  readonly webtransport: string | undefined;
  readonly webrtc: string | undefined;
  readonly hashes: Uint8Array;
}

/** Reads options. Throws an `ArgumentError` that names an invalid one. */
export function readRoute(options: ConnectOptions): Route {
  const { bridge, transport = 'auto', certificateHashes = [], signal } = options ?? {};
  const urls = typeof bridge === 'string' ? { webtransport: bridge, webrtc: bridge } : bridge;
  if (typeof urls !== 'object' || urls === null) {
    throw invalid('bridge: give a URL, or an object of two');
  }
  if (!['auto', 'webtransport', 'webrtc'].includes(transport)) {
    throw invalid(`transport: ${String(transport)} is not auto, webtransport or webrtc`);
  }
  if (!Array.isArray(certificateHashes)) {
    throw invalid(`certificateHashes: give an array, not ${kindOf(certificateHashes)}`);
  }
  if (signal !== undefined && typeof signal?.throwIfAborted !== 'function') {
    throw invalid(`signal: give an AbortSignal, not ${kindOf(signal)}`);
  }
  const route = {
    webtransport: transport === 'webrtc' ? undefined : readUrl(urls.webtransport),
    webrtc: transport === 'webtransport' ? undefined : readUrl(urls.webrtc),
    hashes: readHashes(certificateHashes),
  };
  if (route.webtransport === undefined && route.webrtc === undefined) {
    throw invalid(`bridge: there is no URL for transport ${transport}`);
  }
  return route;
}

function readUrl(url: string | undefined): string | undefined {
  if (url === undefined) {
    return undefined;
  }
  try {
    return new URL(url).href;
  } catch (cause) {
    throw invalid(`bridge: ${String(url)} is no URL`, { cause });
  }
}

const HASH_BYTES = 32;

function readHashes(hashes: readonly (string | Bytes)[]): Uint8Array {
  const bytes = new Uint8Array(hashes.length * HASH_BYTES);
  hashes.forEach((hash, index) => {
    const value = typeof hash === 'string' ? readText(hash) : bytesOf(hash);
    if (value?.length !== HASH_BYTES) {
      throw invalid('certificateHashes: a SHA-256 is 32 bytes, 44 letters or 64 digits');
    }
    bytes.set(value, index * HASH_BYTES);
  });
  return bytes;
}

function readText(text: string): Uint8Array | undefined {
  const digits = text.replaceAll(':', '');
  if (/^[0-9a-f]{64}$/i.test(digits)) {
    const pairs = digits.match(/../g) ?? [];
    return Uint8Array.from(pairs, (pair) => parseInt(pair, 16));
  }
  return bytesOfBase64(text);
}

function invalid(message: string, options?: Cause): ArgumentError {
  return new ArgumentError('invalid-option', message, options);
}
