/** Buffer, or any view of one: every typed array, a `DataView`, Node's `Buffer`. */
export type Bytes = ArrayBufferView | ArrayBuffer | SharedArrayBuffer;

/**
 * Bytes of a buffer, or those of it that a view shows, without a copy. `undefined` for anything
 * else, and for a buffer that was transferred.
 */
export function bytesOf(source: unknown): Uint8Array | undefined {
  try {
    if (ArrayBuffer.isView(source)) {
      return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
    }
    return isBuffer(source) ? new Uint8Array(source) : undefined;
  } catch {
    return undefined;
  }
}

/** Not by `instanceof`: a buffer may come from another frame. */
function isBuffer(source: unknown): source is ArrayBuffer {
  const name = Object.prototype.toString.call(source);
  return name === '[object ArrayBuffer]' || name === '[object SharedArrayBuffer]';
}

/** Bytes of a text in base64; `undefined` if it is not base64. */
export function bytesOfBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** Kind of a value, for the message of an error: `a string`, `null`, `Blob`. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) {
    return String(value);
  }
  if (typeof value !== 'object') {
    return `a ${typeof value}`;
  }
  const isData = ArrayBuffer.isView(value) || isBuffer(value);
  return isData ? 'a buffer that was transferred' : (value.constructor?.name ?? 'an object');
}
