// Conversion of the module's records to the package's types. Not in the files of those types, so
// that the types of a program need none of the module's.

import {
  State,
  type Connection,
  type Failure,
  type FailureCause,
} from '../wasm/netcode_wasm.js';
import { BridgeError, TransportError, type Cause, type TransportErrorCode } from './errors.js';
import { STATES, type ClientState, type TransportName } from './states.js';
import type { ClientStats } from './stats.js';

/** Name of a state. */
export function stateOf(state: State): ClientState {
  return STATES[State[state] as keyof typeof State];
}

/** Counters of a connection. */
export function readStats(connection: Connection): ClientStats {
  const stats = connection.stats();
  const read = {
    handshakeRoundTrip: stats.handshakeRoundTrip ?? null,
    sent: stats.sent,
    received: stats.received,
    bytesSent: stats.bytesSent,
    bytesReceived: stats.bytesReceived,
    payloadsSent: stats.payloadsSent,
    payloadsReceived: stats.payloadsReceived,
    lost: stats.lost,
    unsent: stats.unsent,
    malformed: stats.malformed,
    payloadsUntaken: stats.payloadsUntaken,
    dropped: connection.dropped(),
  };
  stats.free();
  return read;
}

/** Error for the failure of a transport. Frees the record. */
export function readFailure(failure: Failure, options?: Cause): TransportError | BridgeError {
  const { transport, cause, closeCode, message } = failure;
  failure.free();
  if (cause === 'closed') {
    return new BridgeError(closeCode, transport, message, options);
  }
  return new TransportError(transportCode(transport, cause), transport, message, options);
}

function transportCode(
  transport: TransportName,
  cause: Exclude<FailureCause, 'closed'>,
): TransportErrorCode {
  // WebRTC is the one transport with signalling.
  return cause === 'signalling-failed' ? `webrtc-${cause}` : `${transport}-${cause}`;
}
