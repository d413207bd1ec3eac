/**
 * One PES packet cut into transport packets, in place.
 *
 * The PES packet is written whole at the end of the room that its transport packets will take. Then each packet's
 * share is moved to the front: a share's place always ends before the next share's source begins, and the last
 * packet's share already lies where it belongs. So nothing is copied to a second buffer and nothing is allocated.
 *
 * Spec: ISO/IEC 13818-1 §2.4.3.2 (packet), §2.4.3.4 (adaptation field), §2.4.3.6 (PES packet).
 */
import { type PacketBuffer, TS_PACKET_BYTES } from "./packet-buffer.ts";

/** Head of a PES packet. **Memory**: owned by the caller and reused. */
export class PesHead {
  pid = 0;
  /** 0xe0 for video, 0xc0 for audio. */
  streamId = 0;
  /** 90 kHz without wrap; {@link openPes} takes it modulo 2^33. */
  pts90k = 0;
  dts90k = 0;
  hasPcr = false;
  /** Decoding can start here. */
  isRandomAccess = false;
  /** The clock makes a step here. */
  isDiscontinuity = false;
  /** continuity_counter of the first packet, 0–15. */
  counter = 0;
}

const HEADER_BYTES = 4;
const SHARE_BYTES_MAX: number = TS_PACKET_BYTES - HEADER_BYTES;
const PES_FIXED_BYTES = 9;
const TIMESTAMP_BYTES = 5;
/** Length byte, flags and PCR. */
const PCR_FIELD_BYTES = 8;
/** Length byte and flags. */
const FLAG_FIELD_BYTES = 2;
const PES_LENGTH_MAX = 0xff_ff;
const TIME_MODULUS = 2 ** 33;

/** 90 kHz modulo 2^33, for any integer. */
export function wrapTime90k(time90k: number): number {
  const rest = time90k % TIME_MODULUS;
  // 0 and not -0 for multiples below zero.
  return (rest < 0 ? rest + TIME_MODULUS : rest) + 0;
}

/**
 * Reserve the packets of a PES packet with `dataBytes` of data, and write its head.
 *
 * **Memory**: allocates nothing but what {@link PacketBuffer.reserve} may.
 * @returns the offset in `target.bytes` where the caller puts the data before it calls {@link closePes}.
 */
export function openPes(target: PacketBuffer, head: PesHead, dataBytes: number): number {
  const packets = packetsOf(head, pesHeaderBytes(head) + dataBytes);
  const end = target.reserve(packets) + packets * TS_PACKET_BYTES;
  return writePesHeader(target.bytes, end - dataBytes - pesHeaderBytes(head), head, dataBytes);
}

/**
 * Cut the PES packet that {@link openPes} began and whose data is now in place.
 *
 * @returns the continuity counter for the next packet of this PID.
 */
export function closePes(target: PacketBuffer, head: PesHead, dataBytes: number): number {
  const { bytes, length: end } = target;
  const pesBytes = pesHeaderBytes(head) + dataBytes;
  const packets = packetsOf(head, pesBytes);
  let source = end - pesBytes;
  for (let index = 0; index < packets; index += 1) {
    const start = end - (packets - index) * TS_PACKET_BYTES;
    const rest = end - source;
    const fieldMin = index === 0 ? fieldBytes(head) : 0;
    const share = Math.min(rest, SHARE_BYTES_MAX - fieldMin);
    const field = SHARE_BYTES_MAX - share;
    const place = start + HEADER_BYTES + field;
    bytes.copyWithin(place, source, source + share);
    source += share;
    bytes[start] = 0x47;
    bytes[start + 1] = (index === 0 ? 0x40 : 0) | (head.pid >> 8);
    bytes[start + 2] = head.pid;
    bytes[start + 3] = (field > 0 ? 0x30 : 0x10) | ((head.counter + index) & 15);
    if (field > 0) {
      writeField(bytes, start + HEADER_BYTES, field, index === 0 ? head : null);
    }
  }
  return (head.counter + packets) & 15;
}

/**
 * Append a packet without payload that tells the clock on the PID of `head`, and its step where `head` has one.
 *
 * **Memory**: allocates nothing but what {@link PacketBuffer.reserve} may. The PID's counter stays: it counts payloads.
 */
export function writeClockPacket(target: PacketBuffer, head: PesHead, pcr90k: number): void {
  const start = target.reserve(1);
  const { bytes } = target;
  bytes[start] = 0x47;
  bytes[start + 1] = head.pid >> 8;
  bytes[start + 2] = head.pid;
  bytes[start + 3] = 0x20 | ((head.counter - 1) & 15);
  bytes[start + 4] = SHARE_BYTES_MAX - 1;
  bytes[start + 5] = (head.isDiscontinuity ? 0x80 : 0) | 0x10;
  writePcr(bytes, start + HEADER_BYTES + FLAG_FIELD_BYTES, pcr90k);
  bytes.fill(0xff, start + HEADER_BYTES + PCR_FIELD_BYTES, start + TS_PACKET_BYTES);
}

function pesHeaderBytes(head: PesHead): number {
  return PES_FIXED_BYTES + (head.pts90k === head.dts90k ? 1 : 2) * TIMESTAMP_BYTES;
}

/** Bytes of the adaptation field that the first packet needs. */
function fieldBytes(head: PesHead): number {
  if (head.hasPcr) {
    return PCR_FIELD_BYTES;
  }
  return head.isRandomAccess || head.isDiscontinuity ? FLAG_FIELD_BYTES : 0;
}

function packetsOf(head: PesHead, pesBytes: number): number {
  return Math.ceil((pesBytes + fieldBytes(head)) / SHARE_BYTES_MAX);
}

/** @returns the offset after it. */
function writePesHeader(
  bytes: Uint8Array,
  start: number,
  head: PesHead,
  dataBytes: number,
): number {
  const hasDts = head.pts90k !== head.dts90k;
  const stamps = (hasDts ? 2 : 1) * TIMESTAMP_BYTES;
  const length = dataBytes + stamps + 3;
  // Only video may leave its length out, and only where 16 bits do not hold it.
  const said = length > PES_LENGTH_MAX ? 0 : length;
  bytes[start] = 0;
  bytes[start + 1] = 0;
  bytes[start + 2] = 1;
  bytes[start + 3] = head.streamId;
  bytes[start + 4] = said >> 8;
  bytes[start + 5] = said;
  // Marker bits and data_alignment_indicator: each PES packet begins with an access unit.
  bytes[start + 6] = 0x84;
  bytes[start + 7] = hasDts ? 0xc0 : 0x80;
  bytes[start + 8] = stamps;
  writeTimestamp(bytes, start + PES_FIXED_BYTES, hasDts ? 3 : 2, head.pts90k);
  if (hasDts) {
    writeTimestamp(bytes, start + PES_FIXED_BYTES + TIMESTAMP_BYTES, 1, head.dts90k);
  }
  return start + PES_FIXED_BYTES + stamps;
}

function writeTimestamp(bytes: Uint8Array, start: number, mark: number, time90k: number): void {
  const time = wrapTime90k(time90k);
  const high = Math.floor(time / 2 ** 30);
  const low = time % 2 ** 30;
  bytes[start] = (mark << 4) | (high << 1) | 1;
  bytes[start + 1] = low >> 22;
  bytes[start + 2] = ((low >> 14) & 0xfe) | 1;
  bytes[start + 3] = low >> 7;
  bytes[start + 4] = ((low << 1) & 0xfe) | 1;
}

/** An adaptation field of `size` bytes; `head` is null where it only stuffs. */
function writeField(bytes: Uint8Array, start: number, size: number, head: PesHead | null): void {
  bytes[start] = size - 1;
  if (size === 1) {
    return;
  }
  const hasPcr = head?.hasPcr ?? false;
  const discontinuity = head?.isDiscontinuity ? 0x80 : 0;
  const randomAccess = head?.isRandomAccess ? 0x40 : 0;
  bytes[start + 1] = discontinuity | randomAccess | (hasPcr ? 0x10 : 0);
  let offset = start + FLAG_FIELD_BYTES;
  if (head !== null && hasPcr) {
    writePcr(bytes, offset, head.dts90k);
    offset = start + PCR_FIELD_BYTES;
  }
  bytes.fill(0xff, offset, start + size);
}

/** The extension, in 27 MHz, stays 0. */
function writePcr(bytes: Uint8Array, start: number, time90k: number): void {
  const time = wrapTime90k(time90k);
  const high = Math.floor(time / 2);
  bytes[start] = high >>> 24;
  bytes[start + 1] = high >>> 16;
  bytes[start + 2] = high >>> 8;
  bytes[start + 3] = high;
  bytes[start + 4] = ((time % 2) << 7) | 0x7e;
  bytes[start + 5] = 0;
}
