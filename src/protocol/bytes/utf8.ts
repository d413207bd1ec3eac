/**
 * Text from and to UTF-8 by the host's own coder.
 */

const decoder = new TextDecoder("utf-8");
const encoder = new TextEncoder();

/**
 * Text of the bytes; invalid sequences, lone surrogates and overlong forms become U+FFFD.
 * A leading U+FEFF is kept: names are compared as sent, and the host's decoder would swallow it as a byte order mark.
 * @returns a string of at most `bytes.length` UTF-16 units
 */
export function decodeUtf8(bytes: Uint8Array): string {
  const text = decoder.decode(bytes);
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return hasMark ? `\ufeff${text}` : text;
}

/** The most bytes that `text` can need in UTF-8. */
export function utf8BytesMax(text: string): number {
  return text.length * 3;
}

/**
 * Writes `text` at `offset`, cut at a whole character when `target` is too small; a lone surrogate becomes U+FFFD.
 * @returns bytes written
 */
export function encodeUtf8(target: Uint8Array, offset: number, text: string): number {
  return encoder.encodeInto(text, target.subarray(offset)).written;
}
