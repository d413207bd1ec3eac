/**
 * FLAC stream information: the body of a FLAC sequence header.
 *
 * Spec: RFC 9639 §8.1 (metadata block header), §8.2 (STREAMINFO); Enhanced RTMP v2, FlacSequenceHeader.
 */
import { BitReader } from "../bytes/bit-reader.ts";
import { ProtocolError } from "../errors.ts";

/** What STREAMINFO says. */
export interface FlacConfig {
  /** Hz, 1–1048575. */
  readonly sampleRate: number;
  /** 1–8. */
  readonly channels: number;
  readonly bitsPerSample: number;
}

const SIGNATURE: readonly number[] = [0x66, 0x4c, 0x61, 0x43];
const BLOCK_TYPE_STREAM_INFO = 0;
/** Block and frame sizes before the sample rate. */
const SIZES_BITS = 16 + 16 + 24 + 24;

/**
 * Decode the signature and the STREAMINFO block.
 *
 * @throws ProtocolError `ERR_FLAC_CONFIG` when it is truncated, of another signature or without a rate.
 */
export function decodeFlacConfig(bytes: Uint8Array): FlacConfig {
  const hasSignature = SIGNATURE.every((byte, index) => bytes[index] === byte);
  const reader = new BitReader(bytes);
  reader.skipBits(8 * SIGNATURE.length + 1);
  const blockType = reader.readBits(7);
  reader.skipBits(24 + SIZES_BITS);
  const sampleRate = reader.readBits(20);
  const channels = reader.readBits(3) + 1;
  const bitsPerSample = reader.readBits(5) + 1;
  const isRight = hasSignature && blockType === BLOCK_TYPE_STREAM_INFO && sampleRate > 0;
  if (reader.isBroken || !isRight) {
    throw new ProtocolError("ERR_FLAC_CONFIG", "FLAC stream information: not one", {
      spec: "RFC 9639 §8.2",
    });
  }
  return { sampleRate, channels, bitsPerSample };
}
