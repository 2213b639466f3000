/** Buffer, or any view of one: every typed array, a `DataView`, Node's `Buffer`. */
export type Bytes = ArrayBufferView | ArrayBuffer | SharedArrayBuffer;

/**
 * Bytes of a buffer, or those of it that a view shows, without a copy. `undefined` for anything
 * else, and for a buffer that was transferred.
 */
export function bytesOf(source: unknown): Uint8Array | undefined {
  try {
    // `DataView` takes buffers alone, those of other frames too, for which `instanceof` fails.
    const view = ArrayBuffer.isView(source) ? source : new DataView(source as ArrayBuffer);
    return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  } catch {
    return undefined;
  }
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
  const tag = Object.prototype.toString.call(value);
  if (ArrayBuffer.isView(value) || /^\[object (Shared)?ArrayBuffer\]$/.test(tag)) {
    return 'a buffer that was transferred';
  }
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' && name !== '' ? name : 'an object';
}
