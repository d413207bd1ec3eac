/**
 * AV1CodecConfigurationRecord and the sequence header it may hold: the body of an AV1 sequence header.
 *
 * Spec: AV1 Codec ISO Media File Format Binding §2.3; AV1 Bitstream §5.3.2 (OBU header), §5.5 (sequence header).
 */
import { BitReader } from "../bytes/bit-reader.ts";
import { ProtocolError } from "../errors.ts";
import { isPictureSide } from "./video-usability.ts";

/** A decoded record. */
export interface Av1Config {
  /** seq_profile: 0 Main, 1 High, 2 Professional. */
  readonly profileId: number;
  readonly profile: string;
  /** seq_level_idx_0, 0–31. */
  readonly levelId: number;
  /** Level as printed, e.g. `3.1`. */
  readonly level: string;
  /** Largest frame size in samples, 1–16384; null when the record holds no sequence header, which is legal. */
  readonly width: number | null;
  readonly height: number | null;
  /** Frames per second when the sequence header states equal picture intervals, else null. */
  readonly frameRate: number | null;
}

interface SequenceHeader {
  readonly width: number;
  readonly height: number;
  readonly frameRate: number | null;
}

const MARKER_AND_VERSION = 0x81;
const RECORD_FIXED_BYTES = 4;
const OBU_SEQUENCE_HEADER = 1;
const LEVEL_MAX = 31;
/** Bytes of a leb128 number (§4.10.5). */
const LEB128_BYTES_MAX = 8;
/** Levels above this index carry a tier bit (§5.5.1). */
const LEVEL_WITHOUT_TIER_MAX = 7;
const PROFILE_NAMES: readonly string[] = ["Main", "High", "Professional"];

/**
 * Decode an AV1CodecConfigurationRecord.
 *
 * **Spec**: AV1-ISOBMFF §2.3.3.
 * **Memory**: allocates nothing but the result.
 * @throws ProtocolError `ERR_AV1_CONFIG` (truncated record or OBU), `ERR_AV1_SEQUENCE_HEADER`.
 */
export function decodeAv1Config(bytes: Uint8Array): Av1Config {
  if (bytes.length < RECORD_FIXED_BYTES || bytes[0] !== MARKER_AND_VERSION) {
    throw recordError("truncated or of another version");
  }
  const second = bytes[1] ?? 0;
  const profileId = second >> 5;
  const levelId = second & 31;
  const header = findSequenceHeader(bytes.subarray(RECORD_FIXED_BYTES));
  return {
    profileId,
    profile: PROFILE_NAMES[profileId] ?? String(profileId),
    levelId,
    level: levelId === LEVEL_MAX ? "max" : `${2 + (levelId >> 2)}.${levelId & 3}`,
    width: header?.width ?? null,
    height: header?.height ?? null,
    frameRate: header?.frameRate ?? null,
  };
}

/** Walk the OBUs of a record; each is at least a byte long, so the walk ends. */
function findSequenceHeader(bytes: Uint8Array): SequenceHeader | null {
  let rest = bytes;
  while (rest.length > 0) {
    const first = rest[0] ?? 0;
    const hasExtension = (first & 4) !== 0;
    const hasSize = (first & 2) !== 0;
    const sizeStart = hasExtension ? 2 : 1;
    const size = hasSize
      ? readLeb128(rest, sizeStart)
      : { value: rest.length - sizeStart, bytes: 0 };
    const start = sizeStart + size.bytes;
    const end = start + size.value;
    if (size.value < 0 || end > rest.length) {
      throw recordError("truncated OBU");
    }
    if (((first >> 3) & 15) === OBU_SEQUENCE_HEADER) {
      return decodeSequenceHeader(rest.subarray(start, end));
    }
    rest = rest.subarray(end);
  }
  return null;
}

function readLeb128(source: Uint8Array, start: number): { value: number; bytes: number } {
  let value = 0;
  for (let index = 0; index < LEB128_BYTES_MAX; index += 1) {
    const byte = source[start + index];
    if (byte === undefined) {
      break;
    }
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) {
      return { value, bytes: index + 1 };
    }
  }
  throw recordError("broken OBU size");
}

/** sequence_header_obu (AV1 §5.5.1) as far as the largest frame size. */
function decodeSequenceHeader(bytes: Uint8Array): SequenceHeader {
  const reader = new BitReader(bytes);
  reader.skipBits(4);
  const isReduced = reader.readFlag();
  let frameRate: number | null = null;
  if (isReduced) {
    reader.skipBits(5);
  } else {
    frameRate = readOperatingParameters(reader);
  }
  const widthBits = reader.readBits(4) + 1;
  const heightBits = reader.readBits(4) + 1;
  const width = reader.readBits(widthBits) + 1;
  const height = reader.readBits(heightBits) + 1;
  if (reader.isBroken || !(isPictureSide(width) && isPictureSide(height))) {
    throw new ProtocolError(
      "ERR_AV1_SEQUENCE_HEADER",
      "AV1 sequence header truncated or too large",
      {
        spec: "AV1 §5.5.1",
      },
    );
  }
  return { width, height, frameRate };
}

/** Timing, decoder model and operating points. @returns the frame rate, null when none is stated. */
function readOperatingParameters(reader: BitReader): number | null {
  let frameRate: number | null = null;
  let delayBits = 0;
  const hasTiming = reader.readFlag();
  if (hasTiming) {
    frameRate = readTimingRate(reader);
    const hasDecoderModel = reader.readFlag();
    if (hasDecoderModel) {
      delayBits = reader.readBits(5) + 1;
      reader.skipBits(32 + 5 + 5);
    }
  }
  const hasDisplayDelay = reader.readFlag();
  const points = reader.readBits(5) + 1;
  for (let point = 0; point < points; point += 1) {
    reader.skipBits(12);
    if (reader.readBits(5) > LEVEL_WITHOUT_TIER_MAX) {
      reader.skipBits(1);
    }
    if (delayBits > 0 && reader.readFlag()) {
      reader.skipBits(2 * delayBits + 1);
    }
    if (hasDisplayDelay && reader.readFlag()) {
      reader.skipBits(4);
    }
  }
  return frameRate;
}

/** timing_info (§5.5.3). */
function readTimingRate(reader: BitReader): number | null {
  const unitsInTick = reader.readBits(32);
  const timeScale = reader.readBits(32);
  const isEqualInterval = reader.readFlag();
  if (!isEqualInterval) {
    return null;
  }
  const ticksPerPicture = reader.readUnsignedGolomb() + 1;
  return unitsInTick === 0 || timeScale === 0 ? null : timeScale / (unitsInTick * ticksPerPicture);
}

function recordError(reason: string): ProtocolError {
  return new ProtocolError("ERR_AV1_CONFIG", `AV1CodecConfigurationRecord: ${reason}`, {
    spec: "AV1-ISOBMFF §2.3.3",
  });
}
