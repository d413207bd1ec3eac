/** AMF0 and chunk headers written by hand, for golden vectors: shares no code with the product. */

export type Pairs = ReadonlyArray<readonly [string, readonly number[]]>;

function u16(value: number): number[] {
  return [(value >> 8) & 0xff, value & 0xff];
}

function u24(value: number): number[] {
  return [(value >> 16) & 0xff, ...u16(value)];
}

function u32(value: number): number[] {
  return [(value >>> 24) & 0xff, ...u24(value)];
}

/** AMF0 §2.4 */
export function text(value: string): number[] {
  const bytes = Buffer.from(value, "utf8");
  return [0x02, ...u16(bytes.length), ...bytes];
}

/** AMF0 §2.2 */
export function number(value: number): number[] {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return [0x00, ...bytes];
}

export const NULL: readonly number[] = [0x05];
export const UNDEFINED: readonly number[] = [0x06];

function pairs(entries: Pairs): number[] {
  const flat = entries.flatMap(([key, value]) => [
    ...u16(key.length),
    ...Buffer.from(key),
    ...value,
  ]);
  return [...flat, 0, 0, 0x09];
}

/** AMF0 §2.5 */
export function object(entries: Pairs): number[] {
  return [0x03, ...pairs(entries)];
}

/** AMF0 §2.10 */
export function ecma(entries: Pairs): number[] {
  return [0x08, ...u32(entries.length), ...pairs(entries)];
}

/** One message: format 0 with 11 bytes of header and time 0, continued in format 3 (RTMP 1.0 §5.3.1). */
export function wire(
  place: { csid: number; type: number; msid: number; chunkSize: number },
  payload: readonly number[],
): number[] {
  const { csid, type, msid, chunkSize } = place;
  const littleEndian = [msid & 0xff, (msid >> 8) & 0xff, (msid >> 16) & 0xff, (msid >>> 24) & 0xff];
  const bytes = [csid, 0, 0, 0, ...u24(payload.length), type, ...littleEndian];
  for (let at = 0; at < payload.length; at += chunkSize) {
    if (at > 0) {
      bytes.push(0xc0 | csid);
    }
    bytes.push(...payload.slice(at, at + chunkSize));
  }
  return bytes;
}

/** A status object in SRS's order. */
export function status(
  level: string,
  code: string,
  description: string,
  more: Pairs = [],
): number[] {
  return object([
    ["level", text(level)],
    ["code", text(code)],
    ["description", text(description)],
    ...more,
  ]);
}

export function hex(bytes: Uint8Array | readonly number[]): string {
  return Buffer.from(bytes).toString("hex");
}
