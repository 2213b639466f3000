import { bytesOf, bytesOfBase64, kindOf, type Bytes } from './bytes.js';
import { ArgumentError } from './errors.js';

/** Reads a token. Throws an `ArgumentError` that names the given type. */
export function readToken(token: Bytes | string): Uint8Array {
  const bytes = typeof token === 'string' ? bytesOfBase64(token) : bytesOf(token);
  if (!bytes) {
    const given = typeof token === 'string' ? 'another text' : kindOf(token);
    const message = `a token is 2048 bytes, or their base64 text, not ${given}`;
    throw new ArgumentError('token-type', message);
  }
  return bytes;
}
