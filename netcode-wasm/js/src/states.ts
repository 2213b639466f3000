/** Where a client stands, by the standard's names. */
export type ClientState =
  | 'connect-token-expired'
  | 'invalid-connect-token'
  | 'connection-timed-out'
  | 'connection-response-timed-out'
  | 'connection-request-timed-out'
  | 'connection-denied'
  | 'disconnected'
  | 'sending-connection-request'
  | 'sending-connection-response'
  | 'connected';

/** The way from this browser to the bridge. */
export type TransportName = 'webtransport' | 'webrtc';

/** By the standard's numbers, from -6. */
const STATES: readonly ClientState[] = [
  'connect-token-expired',
  'invalid-connect-token',
  'connection-timed-out',
  'connection-response-timed-out',
  'connection-request-timed-out',
  'connection-denied',
  'disconnected',
  'sending-connection-request',
  'sending-connection-response',
  'connected',
];

/** The state of this number. */
export function stateOf(number: number): ClientState {
  return STATES[number + 6] ?? 'disconnected';
}

/** The standard's number of a state: negative for an error. */
export function numberOf(state: ClientState): number {
  return STATES.indexOf(state) - 6;
}

/** The transport of this number, as the module counts. */
export function transportOf(number: number | undefined): TransportName {
  return number === 1 ? 'webrtc' : 'webtransport';
}
