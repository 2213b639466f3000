import { CloseCode } from '../wasm/netcode_wasm.js';
import { numberOf, type StateErrorCode, type TransportName } from './states.js';

/** Failure between browser and bridge. */
export type TransportErrorCode =
  | 'webtransport-missing'
  | 'webtransport-not-opened'
  | 'webtransport-lost'
  | 'webrtc-missing'
  | 'webrtc-not-opened'
  | 'webrtc-signalling-failed'
  | 'webrtc-lost';

/**
 * Reason for which a bridge ended or refused a session; `bridge-closed` if it is newer than this
 * package.
 */
export type BridgeErrorCode =
  | 'bridge-not-a-request'
  | 'bridge-version'
  | 'bridge-token-expired'
  | 'bridge-handshake-timed-out'
  | 'bridge-idle'
  | 'bridge-server-not-allowed'
  | 'bridge-origin-not-allowed'
  | 'bridge-full'
  | 'bridge-too-many-from-address'
  | 'bridge-draining'
  | 'bridge-unavailable'
  | 'bridge-closed';

/** The module's close codes. */
const BRIDGE_CODES = {
  NotARequest: 'bridge-not-a-request',
  Version: 'bridge-version',
  TokenExpired: 'bridge-token-expired',
  HandshakeTimedOut: 'bridge-handshake-timed-out',
  Idle: 'bridge-idle',
  ServerNotAllowed: 'bridge-server-not-allowed',
  OriginNotAllowed: 'bridge-origin-not-allowed',
  Full: 'bridge-full',
  TooManyFromAddress: 'bridge-too-many-from-address',
  Draining: 'bridge-draining',
  Unavailable: 'bridge-unavailable',
} as const satisfies Record<keyof typeof CloseCode, BridgeErrorCode>;

/** Code of an error of this package. Codes are stable; messages are not. */
export type ErrorCode =
  | StateErrorCode
  | TransportErrorCode
  | BridgeErrorCode
  | SendErrorCode
  | ArgumentErrorCode
  | 'page-left'
  | 'internal';

/** The language's `ErrorOptions`, which the types of before 2022 do not have. */
export interface Cause {
  /** Error that came before and led to this one. */
  cause?: unknown;
}

/** Base class of this package's errors. */
export abstract class NetcodeError extends Error {
  /** Code of the error, for programs. */
  abstract readonly code: ErrorCode;
  /** Error that came before and led to this one. */
  declare cause?: unknown;

  constructor(message: string, options?: Cause) {
    super(message, options);
  }

  static {
    this.prototype.name = 'NetcodeError';
  }

  /** An `ArgumentError` is one too, though the class it extends is `TypeError`. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    const inherits = Function.prototype[Symbol.hasInstance].call(this, value);
    return inherits || (this === NetcodeError && value instanceof ArgumentError);
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

/** The client ended in a state that is an error. To connect again, get a new token. */
export class StateError extends NetcodeError {
  readonly code: StateErrorCode;
  /** Standard's number of the state, -6 to -1. */
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
  /** Transport that failed. */
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

/** The bridge ended or refused the session and gave a reason. */
export class BridgeError extends NetcodeError {
  readonly code: BridgeErrorCode;
  /** Number of the reason. */
  readonly closeCode: number;
  /** Transport of the session. */
  readonly transport: TransportName;

  constructor(
    closeCode: number,
    transport: TransportName,
    message: string,
    options?: Cause,
  ) {
    super(message, options);
    const name = CloseCode[closeCode] as keyof typeof BRIDGE_CODES | undefined;
    this.code = name ? BRIDGE_CODES[name] : 'bridge-closed';
    this.closeCode = closeCode;
    this.transport = transport;
  }

  static {
    this.prototype.name = 'BridgeError';
  }
}

/** Reason for which a payload cannot be sent. */
export type SendErrorCode = 'not-connected' | 'payload-length';

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

/** Argument that cannot be used. */
export type ArgumentErrorCode = 'payload-type' | 'token-type' | 'invalid-option';

/**
 * An argument is of a wrong type, or an option has an invalid value: a mistake in the calling
 * program. It is a `TypeError`, as for the browser's own functions, and `instanceof NetcodeError`
 * holds too.
 */
export class ArgumentError extends TypeError {
  /** Code of the error, for programs. */
  readonly code: ArgumentErrorCode;
  /** Error that came before and led to this one. */
  declare cause?: unknown;

  constructor(code: ArgumentErrorCode, message: string, options?: Cause) {
    super(message, options);
    this.code = code;
  }

  static {
    this.prototype.name = 'ArgumentError';
  }
}

/** The page was left while the client was connecting. */
export class PageLeftError extends NetcodeError {
  readonly code = 'page-left';

  static {
    this.prototype.name = 'PageLeftError';
  }
}

/** The wasm module could not be loaded, or stopped because of a bug in it. Reload the page. */
export class InternalError extends NetcodeError {
  readonly code = 'internal';

  static {
    this.prototype.name = 'InternalError';
  }
}
