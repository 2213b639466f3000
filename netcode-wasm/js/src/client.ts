import { Connection, Payload, StateChange, type State } from '../wasm/netcode_wasm.js';
import { bytesOf, kindOf, type Bytes } from './bytes.js';
import {
  ArgumentError,
  PageLeftError,
  SendError,
  StateError,
  TransportError,
  type BridgeError,
  type Cause,
  type InternalError,
  type NetcodeError,
} from './errors.js';
import { CloseEvent, PayloadEvent, StateChangeEvent, type CloseReason } from './events.js';
import { forget, isBroken, load, onCrash, reportCrash } from './module.js';
import { readRoute, type ConnectOptions, type Route } from './options.js';
import { PayloadQueue } from './payloads.js';
import { readFailure, readStats, stateOf } from './records.js';
import type { ClientState, StateErrorCode, TransportName } from './states.js';
import type { ClientStats } from './stats.js';
import { readToken } from './token.js';

export type { CloseReason };

/** Events of a client. */
export interface NetcodeClientEventMap {
  /** A payload arrived. */
  payload: PayloadEvent;
  /** The state changed. */
  statechange: StateChangeEvent;
  /** The connection ended: the last event. */
  close: CloseEvent;
}

const MAX_PAYLOAD_BYTES = 1200;

const WHAT_A_PAYLOAD_IS =
  'a payload is an ArrayBuffer or a view of one (for text: new TextEncoder().encode(text))';

/** Promise of `connect`, until it is settled. */
interface Attempt {
  resolve(): void;
  reject(reason: unknown): void;
}

/**
 * Connection to a netcode server through a bridge.
 *
 * Payloads come as `payload` events and from `for await (const payload of client)`; each loop gets
 * every payload that arrives from when it began.
 */
export class NetcodeClient extends EventTarget implements AsyncIterable<Uint8Array<ArrayBuffer>> {
  /** `undefined` once the client has ended and its part of the module is freed. */
  #connection: Connection | undefined;
  #attempt: Attempt | undefined;
  readonly #signal: AbortSignal | undefined;
  #state: ClientState = 'disconnected';
  #transport: TransportName;
  /** Last failure of a transport, even if the client continued. */
  #failure: TransportError | BridgeError | undefined;
  #fallback: TransportError | null = null;
  #stats: ClientStats;
  #closedHere = false;
  #leftPage = false;
  /** `true` during a call of the module: it must not be called again meanwhile. */
  #calling = false;
  #turning = false;
  /** `true` between the success of `connect` and the moment its caller can listen: events wait. */
  #held = false;
  readonly #queues = new Set<PayloadQueue>();
  #untaken = 0;

  /**
   * Connects with a token of 2048 bytes, or their base64 text, which your backend gave you over
   * HTTPS. A token opens one session, once: to connect again, get another.
   *
   * Rejects with a `NetcodeError`, whose `code` names the cause, or with the signal's reason. For
   * an argument of a wrong type that is an `ArgumentError`, which is a `TypeError`.
   */
  static async connect(token: Bytes | string, options: ConnectOptions): Promise<NetcodeClient> {
    const bytes = readToken(token);
    const route = readRoute(options);
    const { signal } = options;
    signal?.throwIfAborted();
    await unlessAborted(load(), signal);
    signal?.throwIfAborted();
    let attempt!: Attempt;
    const connected = new Promise<void>((resolve, reject) => {
      attempt = { resolve, reject };
    });
    const client = new NetcodeClient(bytes, route, signal, attempt);
    await connected;
    return client;
  }

  private constructor(
    token: Uint8Array,
    route: Route,
    signal: AbortSignal | undefined,
    attempt: Attempt,
  ) {
    super();
    const { webtransport, webrtc, hashes } = route;
    const connection = begin(() => {
      return new Connection(token, webtransport, webrtc, hashes, () => this.#turn());
    });
    this.#connection = connection;
    this.#attempt = attempt;
    this.#signal = signal;
    this.#transport = connection.transport();
    this.#stats = readStats(connection);
    onCrash(this.#crash);
    signal?.addEventListener('abort', this.#abort);
    this.#turn();
  }

  /** State of the client, by the events that were dispatched. */
  get state(): ClientState {
    const isClosing = this.#closedHere && this.#state === 'connected';
    return isClosing ? 'disconnected' : this.#state;
  }

  /** Transport to the bridge that is in use. */
  get transport(): TransportName {
    return this.#transport;
  }

  /** Error for which WebTransport is not in use; `null` if it is, or was not tried. */
  get fallback(): TransportError | null {
    return this.#fallback;
  }

  /**
   * Length in bytes of the longest payload that travels in one piece: 1186 over WebTransport in
   * Chromium, 1200 over WebRTC. Longer ones, up to 1200, travel in two fragments and are lost if
   * either is. 0 once closed.
   */
  get maxPayload(): number {
    return this.#running?.max_payload() ?? 0;
  }

  /** Counters of the connection, which stay as they are after its end. */
  get stats(): ClientStats {
    const stats = this.#running ? readStats(this.#running) : this.#stats;
    let payloadsUntaken = this.#untaken;
    for (const queue of this.#queues) {
      payloadsUntaken += queue.dropped;
    }
    return { ...stats, payloadsUntaken: stats.payloadsUntaken + payloadsUntaken };
  }

  /**
   * Sends a payload of 1 to 1200 bytes: those of a buffer, or those that a view shows of one, as
   * they lie in memory. It may be lost, as on any network, and comes in any order.
   *
   * Throws an `ArgumentError`, which is a `TypeError`, for anything but bytes, and a `SendError` if
   * `state` is not `connected` or the length is wrong. Nothing is thrown for failures of the
   * network: between a connection's end and its event a payload is lost.
   */
  send(payload: Bytes): void {
    const bytes = bytesOf(payload);
    if (!bytes) {
      throw new ArgumentError('payload-type', `${WHAT_A_PAYLOAD_IS}, not ${kindOf(payload)}`);
    }
    if (this.state !== 'connected') {
      throw new SendError('not-connected', 'the client is not connected');
    }
    const { length } = bytes;
    if (length < 1 || length > MAX_PAYLOAD_BYTES) {
      throw new SendError('payload-length', `a payload is 1 to 1200 bytes, not ${length}`);
    }
    this.#call((connection) => connection.send(bytes));
  }

  /** Ends the connection, and sends the server disconnect packets. No effect if it has ended. */
  close(): void {
    if (this.#running && !this.#closedHere) {
      this.#closedHere = true;
      this.#call((connection) => connection.close());
    }
  }

  /** Payloads that arrive from now on, at most `PAYLOADS_QUEUED` of them waiting. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array<ArrayBuffer>, undefined> {
    const queue = new PayloadQueue((left) => {
      this.#queues.delete(left);
      this.#untaken += left.dropped;
    });
    if (this.#connection) {
      this.#queues.add(queue);
    } else {
      queue.end(null);
    }
    return queue;
  }

  /** The connection, unless the module has stopped: it is not called any more then. */
  get #running(): Connection | undefined {
    return isBroken() ? undefined : this.#connection;
  }

  /** Calls the module. Events are taken after it has returned. */
  #call(work: (connection: Connection) => void): void {
    const connection = this.#running;
    if (!connection) {
      return;
    }
    this.#calling = true;
    try {
      work(connection);
    } catch (error) {
      throw reportCrash(String(error));
    } finally {
      this.#calling = false;
    }
    this.#turn();
  }

  /** Takes events of the module until there are no more. */
  #turn(): void {
    if (this.#calling || this.#turning || this.#held) {
      return;
    }
    this.#turning = true;
    try {
      while (!this.#held && this.#takeEvent()) {
        // A listener may have called the client: events of that are taken here, too.
      }
    } finally {
      this.#turning = false;
    }
  }

  /** Takes the next event. Its record is freed before any listener is called. */
  #takeEvent(): boolean {
    const connection = this.#connection;
    const event = connection?.next_event();
    if (!connection || !event) {
      return false;
    }
    if (event instanceof Payload) {
      const { bytes, sequence } = event;
      event.free();
      this.#deliver(bytes, sequence);
    } else if (event instanceof StateChange) {
      const { state } = event;
      event.free();
      this.#enter(connection, state);
    } else {
      this.#transportFailed(readFailure(event, this.#cause()), connection.transport());
    }
    return true;
  }

  #deliver(payload: Uint8Array<ArrayBuffer>, sequence: number): void {
    for (const queue of this.#queues) {
      // A copy for each, so that a reader may change its payload.
      queue.put(payload.slice());
    }
    this.dispatchEvent(new PayloadEvent(payload, sequence));
  }

  #transportFailed(failure: TransportError | BridgeError, transport: TransportName): void {
    this.#failure = failure;
    this.#transport = transport;
    if (failure instanceof TransportError && failure.transport !== transport) {
      this.#fallback = failure;
    }
  }

  #enter(connection: Connection, number: State): void {
    const state = stateOf(number);
    this.#state = state;
    if (number > 0) {
      if (state === 'connected') {
        this.#succeed();
      }
      this.dispatchEvent(new StateChangeEvent(state));
      return;
    }
    if (connection.ended_by_failure() && this.#failure) {
      this.#end(this.#failure);
    } else if (number < 0) {
      this.#end(new StateError(state as StateErrorCode, undefined, this.#cause()));
    } else {
      this.#leftPage = connection.left_page();
      this.#end(null);
    }
  }

  /** The failure before, as the cause of the next error. */
  #cause(): Cause | undefined {
    return this.#failure && { cause: this.#failure };
  }

  #succeed(): void {
    this.#held = true;
    this.#attempt?.resolve();
    this.#attempt = undefined;
    setTimeout(() => {
      this.#held = false;
      this.#turn();
    });
  }

  /** Ends the client: frees its part of the module, then reports the end. */
  #end(error: NetcodeError | null): void {
    const connection = this.#connection;
    if (!connection) {
      return;
    }
    this.#stats = readStats(connection);
    this.#leave();
    connection.free();
    this.#tellEnd(error);
  }

  #tellEnd(error: NetcodeError | null): void {
    for (const queue of this.#queues) {
      queue.end(error);
    }
    this.#attempt?.reject(error ?? new PageLeftError('the page was left'));
    this.#attempt = undefined;
    this.dispatchEvent(new StateChangeEvent(this.#state));
    this.dispatchEvent(new CloseEvent(error ? 'error' : this.#whoEnded(), error));
  }

  #whoEnded(): CloseReason {
    if (this.#closedHere) {
      return 'client';
    }
    return this.#leftPage ? 'page-left' : 'server';
  }

  #leave(): void {
    this.#connection = undefined;
    forget(this.#crash);
    this.#signal?.removeEventListener('abort', this.#abort);
  }

  #abort = (): void => {
    this.#attempt?.reject(this.#signal?.reason);
    this.#attempt = undefined;
    this.close();
  };

  /** Ends the client after the module has stopped: it is not called again, not even to free. */
  #crash = (error: InternalError): void => {
    this.#state = 'disconnected';
    this.#leave();
    this.#tellEnd(error);
  };
}

export interface NetcodeClient {
  /** Adds a listener of one of the client's events. */
  addEventListener<K extends keyof NetcodeClientEventMap>(
    type: K,
    listener: (this: NetcodeClient, event: NetcodeClientEventMap[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  /** Adds a listener, as for every `EventTarget`. */
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  /** Removes a listener of one of the client's events. */
  removeEventListener<K extends keyof NetcodeClientEventMap>(
    type: K,
    listener: (this: NetcodeClient, event: NetcodeClientEventMap[K]) => void,
    options?: boolean | EventListenerOptions,
  ): void;
  /** Removes a listener, as for every `EventTarget`. */
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

/** Makes a connection. The module's text names the error of the token. */
function begin(make: () => Connection): Connection {
  try {
    return make();
  } catch (error) {
    if (typeof error === 'string') {
      throw new StateError('invalid-connect-token', error);
    }
    throw reportCrash(String(error));
  }
}

/** Settles as `work` does, or rejects with the signal's reason as soon as it is aborted. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) {
    return work;
  }
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
