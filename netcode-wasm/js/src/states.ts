import { State } from '../wasm/netcode_wasm.js';

/** State of the standard that is an error. */
export type StateErrorCode =
  | 'connect-token-expired'
  | 'invalid-connect-token'
  | 'connection-timed-out'
  | 'connection-response-timed-out'
  | 'connection-request-timed-out'
  | 'connection-denied';

/** State of a client, by the standard's name. */
export type ClientState =
  | StateErrorCode
  | 'disconnected'
  | 'sending-connection-request'
  | 'sending-connection-response'
  | 'connected';

/** The module's states, by the standard's names. */
export const STATES = {
  ConnectTokenExpired: 'connect-token-expired',
  InvalidConnectToken: 'invalid-connect-token',
  ConnectionTimedOut: 'connection-timed-out',
  ConnectionResponseTimedOut: 'connection-response-timed-out',
  ConnectionRequestTimedOut: 'connection-request-timed-out',
  ConnectionDenied: 'connection-denied',
  Disconnected: 'disconnected',
  SendingConnectionRequest: 'sending-connection-request',
  SendingConnectionResponse: 'sending-connection-response',
  Connected: 'connected',
} as const satisfies Record<keyof typeof State, ClientState>;

/** Transport between this browser and the bridge. */
export type TransportName = 'webtransport' | 'webrtc';

/** The standard's number of a state: negative for an error. */
export function numberOf(state: ClientState): number {
  const names = Object.keys(STATES) as (keyof typeof State)[];
  const name = names.find((name) => STATES[name] === state);
  return name === undefined ? State.Disconnected : State[name];
}
