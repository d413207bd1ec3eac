/**
 * Opus identification header: the body of an Opus sequence header.
 *
 * Spec: RFC 7845 §5.1.
 */
import { ProtocolError } from "../errors.ts";

/** What an identification header says. */
export interface OpusConfig {
  /** 1–255. */
  readonly channels: number;
  /** Hz of the decoder's output, always 48000: the header's own rate describes the input before encoding. */
  readonly sampleRate: number;
  /** Samples at 48 kHz to drop at the start. */
  readonly preSkip: number;
}

const SIGNATURE: readonly number[] = [0x4f, 0x70, 0x75, 0x73, 0x48, 0x65, 0x61, 0x64];
const HEADER_BYTES = 19;
const OUTPUT_RATE = 48_000;

/**
 * Decode an Opus identification header.
 *
 * **Spec**: RFC 7845 §5.1.
 * @throws ProtocolError `ERR_OPUS_CONFIG` when it is truncated, of another signature or without channels.
 */
export function decodeOpusConfig(bytes: Uint8Array): OpusConfig {
  const hasSignature = SIGNATURE.every((byte, index) => bytes[index] === byte);
  const channels = bytes[9] ?? 0;
  if (!hasSignature || bytes.length < HEADER_BYTES || channels === 0) {
    throw new ProtocolError("ERR_OPUS_CONFIG", "Opus identification header: not one", {
      spec: "RFC 7845 §5.1",
    });
  }
  return { channels, sampleRate: OUTPUT_RATE, preSkip: (bytes[10] ?? 0) + (bytes[11] ?? 0) * 256 };
}
