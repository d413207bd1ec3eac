/**
 * The stamp in every synthetic frame: which publish, which frame of its track, due to be sent when. Seven bits a byte
 * with the high bit set, so that no start code or emulation prevention can appear in it.
 *
 * Shape: 2 bytes publish, 4 bytes sequence, 7 bytes time in µs of the machine's monotonic clock.
 */
const SEQUENCE_OFFSET = 2;
const TIME_OFFSET = 6;

function writeSevenBits(target: Uint8Array, offset: number, size: number, value: number): void {
  let rest = value;
  for (let index = offset + size - 1; index >= offset; index--) {
    target[index] = 0x80 | (rest % 128);
    rest = Math.floor(rest / 128);
  }
}

function readSevenBits(source: Uint8Array, offset: number, size: number): number {
  let value = 0;
  for (let index = offset; index < offset + size; index++) {
    value = value * 128 + ((source[index] ?? 0) & 0x7f);
  }
  return value;
}

export interface Stamp {
  readonly publisher: number;
  readonly sequence: number;
  readonly timeUs: number;
}

export function writeStamp(target: Uint8Array, offset: number, stamp: Stamp): void {
  writeSevenBits(target, offset, 2, stamp.publisher);
  writeSevenBits(target, offset + SEQUENCE_OFFSET, 4, stamp.sequence);
  writeSevenBits(target, offset + TIME_OFFSET, 7, Math.floor(stamp.timeUs));
}

export function readPublisher(source: Uint8Array, offset: number): number {
  return readSevenBits(source, offset, 2);
}

export function readSequence(source: Uint8Array, offset: number): number {
  return readSevenBits(source, offset + SEQUENCE_OFFSET, 4);
}

export function readTimeUs(source: Uint8Array, offset: number): number {
  return readSevenBits(source, offset + TIME_OFFSET, 7);
}
