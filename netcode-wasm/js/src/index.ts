export { NetcodeClient, type CloseReason, type NetcodeClientEventMap } from './client.js';
export type { Bytes } from './bytes.js';
export {
  ArgumentError,
  BridgeError,
  InternalError,
  NetcodeError,
  PageLeftError,
  SendError,
  StateError,
  TransportError,
  type ArgumentErrorCode,
  type BridgeErrorCode,
  type Cause,
  type ErrorCode,
  type SendErrorCode,
  type TransportErrorCode,
} from './errors.js';
export { CloseEvent, PayloadEvent, StateChangeEvent } from './events.js';
export { load, type ModuleSource } from './module.js';
export type { BridgeUrls, ConnectOptions } from './options.js';
export { PAYLOADS_QUEUED } from './payloads.js';
export type { ClientState, StateErrorCode, TransportName } from './states.js';
export type { ClientStats } from './stats.js';
