import type { NetcodeError } from './errors.js';
import type { ClientState } from './states.js';

/** A payload arrived. */
export class PayloadEvent extends Event {
  /** The bytes, 1 to 1200. Iterators get copies; the listeners of one event share it. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** Payloads arrive in any order; this tells which is newer. */
  readonly sequence: number;

  constructor(data: Uint8Array<ArrayBuffer>, sequence: number) {
    super('payload');
    this.data = data;
    this.sequence = sequence;
  }
}

/** The client entered a state. */
export class StateChangeEvent extends Event {
  readonly state: ClientState;

  constructor(state: ClientState) {
    super('statechange');
    this.state = state;
  }
}

/**
 * Who ended a connection. `page-left`: the page was left, for good or for the browser's back/forward
 * cache; a page that comes back can connect with a new token.
 */
export type CloseReason = 'client' | 'server' | 'page-left' | 'error';

/** The connection has ended. The last event of a client. */
export class CloseEvent extends Event {
  readonly reason: CloseReason;
  /** What went wrong, if the reason is `error`. */
  readonly error: NetcodeError | null;

  constructor(reason: CloseReason, error: NetcodeError | null) {
    super('close');
    this.reason = reason;
    this.error = error;
  }
}
