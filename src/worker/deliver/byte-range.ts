/** The part of a file that a request asks for (RFC 9110 §14). */

/** Bytes from `start` to before `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The one range that a header asks for.
 * @returns undefined when it asks for none, in a unit that nobody knows included; null when there is no such part, or
 * more than one is asked for: the file is not sent then, since who asks so is no player
 */
export function decodeRange(header: string, sizeBytes: number): ByteRange | null | undefined {
  if (!/^bytes\s*=/i.test(header)) {
    return undefined;
  }
  const [, first, last] = /^bytes\s*=\s*(\d{0,15})\s*-\s*(\d{0,15})\s*$/i.exec(header) ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) {
    return null;
  }
  const start = first === "" ? Math.max(0, sizeBytes - Number(last)) : Number(first);
  const end = first === "" || last === "" ? sizeBytes : Math.min(sizeBytes, Number(last) + 1);
  return start < end ? { start, end } : null;
}
