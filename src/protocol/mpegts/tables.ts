/**
 * Program association and program map tables as ready transport packets.
 *
 * Spec: ISO/IEC 13818-1 §2.4.4.3 (PAT), §2.4.4.8 (PMT), Annex A (CRC).
 */
import { TS_PACKET_BYTES } from "./packet-buffer.ts";

/** Packet identifiers, the same that SRS uses. */
export const TsPid = { Pat: 0, Pmt: 0x10_01, Video: 0x1_00, Audio: 0x1_01, None: 0x1f_ff } as const;

/** stream_type. **Spec**: ISO/IEC 13818-1 Table 2-34. */
export const TsStreamType = {
  /** No elementary stream. */
  None: 0,
  Mpeg1Audio: 0x03,
  Mpeg2Audio: 0x04,
  AdtsAac: 0x0f,
  Avc: 0x1b,
  Hevc: 0x24,
} as const;
export type TsStreamType = (typeof TsStreamType)[keyof typeof TsStreamType];

/** What a program map says. */
export interface ProgramMap {
  readonly video: TsStreamType;
  readonly audio: TsStreamType;
  /** version_number, 0–31: players read the table again when it changes. */
  readonly version: number;
}

const TABLE_PAT = 0;
const TABLE_PMT = 2;
const TRANSPORT_STREAM_ID = 1;
const PROGRAM_NUMBER = 1;
const CRC_BYTES = 4;
const CRC_POLYNOMIAL = 0x04_c1_1d_b7;

/** @returns an owned packet whose continuity counter is 0. */
export function encodePat(): Uint8Array {
  const program = [0, PROGRAM_NUMBER, 0xe0 | (TsPid.Pmt >> 8), TsPid.Pmt & 0xff];
  return encodeTable(TsPid.Pat, TABLE_PAT, { id: TRANSPORT_STREAM_ID, version: 0, body: program });
}

/** The PCR travels with the video where there is one. @returns an owned packet whose continuity counter is 0. */
export function encodePmt(map: ProgramMap): Uint8Array {
  const clock = map.video === TsStreamType.None ? TsPid.Audio : TsPid.Video;
  const body = [0xe0 | (clock >> 8), clock & 0xff, 0xf0, 0];
  for (const [type, pid] of [
    [map.video, TsPid.Video] as const,
    [map.audio, TsPid.Audio] as const,
  ]) {
    if (type !== TsStreamType.None) {
      body.push(type, 0xe0 | (pid >> 8), pid & 0xff, 0xf0, 0);
    }
  }
  return encodeTable(TsPid.Pmt, TABLE_PMT, { id: PROGRAM_NUMBER, version: map.version, body });
}

interface Section {
  readonly id: number;
  readonly version: number;
  readonly body: readonly number[];
}

function encodeTable(pid: number, table: number, section: Section): Uint8Array {
  const packet = new Uint8Array(TS_PACKET_BYTES).fill(0xff);
  const length = 5 + section.body.length + CRC_BYTES;
  packet.set([0x47, 0x40 | (pid >> 8), pid & 0xff, 0x10, 0, table, 0xb0 | (length >> 8), length]);
  packet.set([0, section.id, 0xc1 | (section.version << 1), 0, 0, ...section.body], 8);
  const end = 8 + 5 + section.body.length;
  const checksum = crc32(packet, 5, end);
  packet.set([checksum >>> 24, checksum >>> 16, checksum >>> 8, checksum], end);
  return packet;
}

function crc32(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1;
  for (let offset = start; offset < end; offset += 1) {
    crc ^= (bytes[offset] ?? 0) << 24;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = crc < 0 ? (crc << 1) ^ CRC_POLYNOMIAL : crc << 1;
    }
  }
  return crc >>> 0;
}
