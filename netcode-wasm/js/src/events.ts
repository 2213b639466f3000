import type { NetcodeError } from './errors.js';
import type { ClientState } from './states.js';

/** Arrival of a payload. */
export class PayloadEvent extends Event {
  /** The payload, 1 to 1200 bytes. Iterators get copies; the listeners of one event share it. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** Sequence of its packet. Payloads arrive in any order; a higher sequence was sent later. */
  readonly sequence: number;

  constructor(data: Uint8Array<ArrayBuffer>, sequence: number) {
    super('payload');
    this.data = data;
    this.sequence = sequence;
  }
}

/** Change of the client's state. */
export class StateChangeEvent extends Event {
  /** State from now on. */
  readonly state: ClientState;

  constructor(state: ClientState) {
    super('statechange');
    this.state = state;
  }
}

/**
 * Reason for the end of a connection. `page-left`: the page was left, for good or for the browser's
 * back/forward cache; a page that comes back can connect with a new token.
 */
export type CloseReason = 'client' | 'server' | 'page-left' | 'error';

/** End of the connection: the last event of a client. */
export class CloseEvent extends Event {
  /** Side that ended the connection, or `error`. */
  readonly reason: CloseReason;
  /** The error, if that is the reason. */
  readonly error: NetcodeError | null;

  constructor(reason: CloseReason, error: NetcodeError | null) {
    super('close');
    this.reason = reason;
    this.error = error;
  }
}
