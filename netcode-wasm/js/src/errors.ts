import { numberOf, type ClientState, type TransportName } from './states.js';

/** A state of the standard that is an error. */
export type StateErrorCode = Exclude<
  ClientState,
  'disconnected' | 'sending-connection-request' | 'sending-connection-response' | 'connected'
>;

/** What can go wrong between browser and bridge. */
export type TransportErrorCode =
  | 'webtransport-missing'
  | 'webtransport-not-opened'
  | 'webtransport-lost'
  | 'webrtc-missing'
  | 'webrtc-not-opened'
  | 'webrtc-signalling-failed'
  | 'webrtc-lost';

/** Why a bridge ended or refused a session, by its numbers. */
const BRIDGE_CODES = {
  1: 'bridge-not-a-request',
  2: 'bridge-version',
  3: 'bridge-token-expired',
  4: 'bridge-handshake-timed-out',
  5: 'bridge-idle',
  6: 'bridge-server-not-allowed',
  7: 'bridge-origin-not-allowed',
  8: 'bridge-full',
  9: 'bridge-too-many-from-address',
  10: 'bridge-draining',
  11: 'bridge-unavailable',
} as const;

/** Why a bridge ended or refused a session; `bridge-closed` for a reason newer than this package. */
export type BridgeErrorCode = (typeof BRIDGE_CODES)[keyof typeof BRIDGE_CODES] | 'bridge-closed';

/** Every code an error of this package can have. They stay the same; messages may not. */
export type ErrorCode =
  | StateErrorCode
  | TransportErrorCode
  | BridgeErrorCode
  | 'not-connected'
  | 'payload-length'
  | 'payload-type'
  | 'page-left'
  | 'invalid-option'
  | 'internal';

/** The language's `ErrorOptions`, which the types of before 2022 do not have. */
export interface Cause {
  cause?: unknown;
}

/** What all errors of this package are. */
export abstract class NetcodeError extends Error {
  /** What happened, for programs. */
  abstract readonly code: ErrorCode;
  /** What went wrong before. */
  declare cause?: unknown;

  constructor(message: string, options?: Cause) {
    super(message, options);
  }

  static {
    this.prototype.name = 'NetcodeError';
  }
}

const STATE_TEXTS: Readonly<Record<StateErrorCode, string>> = {
  'connect-token-expired': 'the connect token expired before a connection stood; get a new one',
  'invalid-connect-token': 'these bytes are no connect token',
  'connection-timed-out': 'the server has not been heard for the timeout',
  'connection-response-timed-out': 'the server stopped answering during the handshake',
  'connection-request-timed-out': 'no server answered',
  'connection-denied': 'the server is full',
};

/** The client ended in a state of the standard that is an error. Connecting again takes a new token. */
export class StateError extends NetcodeError {
  readonly code: StateErrorCode;
  /** The standard's number of the state, -6 to -1. */
  readonly state: number;

  constructor(code: StateErrorCode, message: string = STATE_TEXTS[code], options?: Cause) {
    super(message, options);
    this.code = code;
    this.state = numberOf(code);
  }

  static {
    this.prototype.name = 'StateError';
  }
}

/** No session with the bridge could be opened, or it broke off. */
export class TransportError extends NetcodeError {
  readonly code: TransportErrorCode;
  /** Which way to the bridge failed. */
  readonly transport: TransportName;

  constructor(
    code: TransportErrorCode,
    transport: TransportName,
    message: string,
    options?: Cause,
  ) {
    super(message, options);
    this.code = code;
    this.transport = transport;
  }

  static {
    this.prototype.name = 'TransportError';
  }
}

/** The bridge ended or refused the session, and said why. */
export class BridgeError extends NetcodeError {
  readonly code: BridgeErrorCode;
  /** The bridge's number for the reason. */
  readonly closeCode: number;
  /** Which way the bridge was reached. */
  readonly transport: TransportName;

  constructor(
    closeCode: number,
    transport: TransportName,
    message: string,
    options?: Cause,
  ) {
    super(message, options);
    this.code = (BRIDGE_CODES as Record<number, BridgeErrorCode>)[closeCode] ?? 'bridge-closed';
    this.closeCode = closeCode;
    this.transport = transport;
  }

  static {
    this.prototype.name = 'BridgeError';
  }
}

/** Why a payload cannot be sent. */
export type SendErrorCode = 'not-connected' | 'payload-length' | 'payload-type';

/** A payload cannot be sent: the client is not connected, or the payload is not 1 to 1200 bytes. */
export class SendError extends NetcodeError {
  readonly code: SendErrorCode;

  constructor(code: SendErrorCode, message: string) {
    super(message);
    this.code = code;
  }

  static {
    this.prototype.name = 'SendError';
  }
}

/** An option has a value that means nothing: a mistake in the calling program. */
export class OptionError extends NetcodeError {
  readonly code = 'invalid-option';

  static {
    this.prototype.name = 'OptionError';
  }
}

/** The page was left while the client was connecting. */
export class PageLeftError extends NetcodeError {
  readonly code = 'page-left';

  static {
    this.prototype.name = 'PageLeftError';
  }
}

/** The wasm module could not be loaded, or stopped by a fault of its own. Reload the page. */
export class InternalError extends NetcodeError {
  readonly code = 'internal';

  static {
    this.prototype.name = 'InternalError';
  }
}

const CLOSED = 4;

/** The error for what the module tells of a transport that failed. */
export function transportError(
  transport: TransportName,
  cause: number | undefined,
  closeCode: number | undefined,
  message: string,
  options?: Cause,
): TransportError | BridgeError {
  if (cause === CLOSED) {
    return new BridgeError(closeCode ?? 0, transport, message, options);
  }
  return new TransportError(transportCode(transport, cause), transport, message, options);
}

function transportCode(transport: TransportName, cause: number | undefined): TransportErrorCode {
  switch (cause) {
    case 0:
      return `${transport}-missing`;
    case 1:
      return `${transport}-not-opened`;
    case 2:
      return 'webrtc-signalling-failed';
    default:
      return `${transport}-lost`;
  }
}
