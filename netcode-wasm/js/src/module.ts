import init, { on_panic } from '../wasm/netcode_wasm.js';
import { InternalError } from './errors.js';

/** Where the wasm module comes from, if not from the file beside this one: its URL or its bytes. */
export type ModuleSource = URL | string | Request | Response | BufferSource | WebAssembly.Module;

const NOT_LOADED = 'the wasm module could not be loaded';
const NO_FILES = `${NOT_LOADED}: outside of browsers give load() the bytes of netcode-wasm/netcode_wasm_bg.wasm`;

let loading: Promise<void> | undefined;
let broken: InternalError | undefined;
const crashed = new Set<(error: InternalError) => void>();

/**
 * Loads the wasm module. `NetcodeClient.connect` does so by itself; call this before, to have it
 * ready or to load it from elsewhere. After a failure it can be called again.
 */
export async function load(source?: ModuleSource | Promise<Response>): Promise<void> {
  loading ??= instantiate(source);
  try {
    await loading;
  } catch (cause) {
    loading = undefined;
    const isElsewhere = source === undefined && typeof location === 'undefined';
    throw new InternalError(isElsewhere ? NO_FILES : NOT_LOADED, { cause });
  }
  if (broken) {
    throw broken;
  }
}

async function instantiate(source?: ModuleSource | Promise<Response>): Promise<void> {
  await init(source === undefined ? undefined : { module_or_path: source });
  on_panic(reportCrash);
}

/** Registers a client to be told when the module stops. Undone by {@link forget}. */
export function onCrash(callback: (error: InternalError) => void): void {
  crashed.add(callback);
}

export function forget(callback: (error: InternalError) => void): void {
  crashed.delete(callback);
}

/** Whether the module has stopped. */
export function isBroken(): boolean {
  return broken !== undefined;
}

/** The module has stopped, by a fault of its own: nothing may be called in it any more. */
export function reportCrash(message: string): InternalError {
  broken ??= new InternalError(`the wasm module stopped: ${message}`);
  const error = broken;
  // The module is still on the stack: clients are told when it has gone.
  queueMicrotask(() => {
    for (const callback of [...crashed]) {
      callback(error);
    }
  });
  return error;
}
