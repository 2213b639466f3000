import init, { on_panic } from '../wasm/netcode_wasm.js';
import { InternalError } from './errors.js';

/** Where the wasm module comes from, if not from the file beside this one. */
export type ModuleSource = URL | string | Request | Response | BufferSource | WebAssembly.Module;

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
    throw new InternalError('the wasm module could not be loaded', { cause });
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
