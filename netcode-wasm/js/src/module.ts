import init, { on_panic } from '../wasm/netcode_wasm.js';
import { InternalError } from './errors.js';

/** Source of the wasm module, if not the file of this package: its URL or its bytes. */
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

/** Registers a function to call when the module stops. Undone by {@link forget}. */
export function onCrash(callback: (error: InternalError) => void): void {
  crashed.add(callback);
}

export function forget(callback: (error: InternalError) => void): void {
  crashed.delete(callback);
}

/** `true` if the module has stopped. */
export function isBroken(): boolean {
  return broken !== undefined;
}

/** Records that the module has stopped because of a bug in it: it must not be called again. */
export function reportCrash(message: string): InternalError {
  broken ??= new InternalError(`the wasm module stopped: ${message}`);
  const error = broken;
  // The module is still on the stack: callbacks run after it has returned.
  queueMicrotask(() => {
    for (const callback of [...crashed]) {
      callback(error);
    }
  });
  return error;
}
