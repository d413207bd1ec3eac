/** Fields of transport packets, read from their bytes. */

const WRAP = 2 ** 33;

/** Distance of two 33-bit times, the shorter way round. */
export function timeDistance(from: number, to: number): number {
  const ahead = (((to - from) % WRAP) + WRAP) % WRAP;
  return ahead > WRAP / 2 ? ahead - WRAP : ahead;
}

export function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

export function pidAt(bytes: Uint8Array, at: number): number {
  return ((byteAt(bytes, at + 1) & 0x1f) << 8) | byteAt(bytes, at + 2);
}

export function timestampAt(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = bytes.subarray(at, at + 5);
  if ((a & 1) !== 1 || (c & 1) !== 1 || (e & 1) !== 1) {
    throw new Error("a timestamp without its marker bits");
  }
  return ((a >> 1) & 7) * 2 ** 30 + ((b << 22) | ((c >> 1) << 15) | (d << 7) | (e >> 1));
}

export function hasPcrOf(field: Uint8Array): boolean {
  return field.length > 7 && (byteAt(field, 1) & 0x10) !== 0;
}

export function pcrAt(field: Uint8Array): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = field.subarray(2, 7);
  return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) * 2 + (e >> 7);
}

/** 0 over a table with its own checksum. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xff_ff_ff_ff;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit -= 1) {
      const isOdd = ((crc >>> 31) ^ ((byte >> bit) & 1)) === 1;
      crc = ((crc << 1) ^ (isOdd ? 0x04_c1_1d_b7 : 0)) >>> 0;
    }
  }
  return crc;
}
