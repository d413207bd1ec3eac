/**
 * AudioSpecificConfig: the body of an AAC sequence header.
 *
 * Spec: ISO/IEC 14496-3 §1.6.2.1 (AudioSpecificConfig), §4.4.1 (GASpecificConfig, program_config_element).
 */
import { BitReader } from "../bytes/bit-reader.ts";
import { ProtocolError } from "../errors.ts";

/** What an AudioSpecificConfig says. */
export interface AacConfig {
  /** Audio object type of the core coder, e.g. 2 for LC; 5 and 29 are resolved into the two flags below. */
  readonly objectType: number;
  /** `LC`, `Main`, `SSR`, `LTP`, `HE` (with SBR), `HEv2` (with PS), `LD`, `ELD`, `xHE`, or the number as text. */
  readonly profile: string;
  /** Hz of the core coder; what an ADTS header must state. */
  readonly coreSampleRate: number;
  /** Hz of the decoded sound: with explicit SBR signalling twice the core's. */
  readonly sampleRate: number;
  /** Channels of the decoded sound, 1–48; with explicit PS signalling 2. */
  readonly channels: number;
  /** channelConfiguration as sent, 0–15; 0 means a program config element gives the channels. */
  readonly channelConfiguration: number;
  /** Samples of one frame of the core coder: 1024 or 960. */
  readonly frameSamples: number;
  readonly hasSbr: boolean;
  readonly hasPs: boolean;
}

interface Extension {
  readonly hasSbr: boolean;
  readonly hasPs: boolean;
  readonly sampleRate: number;
}

const OBJECT_ESCAPE = 31;
const OBJECT_SBR = 5;
const OBJECT_PS = 29;
const OBJECT_ER_BSAC = 22;
const RATE_ESCAPE = 15;
const SYNC_SBR = 0x2_b7;
const SYNC_PS = 0x5_48;
/** §1.6.3.3. */
const SAMPLE_RATES: readonly number[] = [
  96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000,
  7350,
];
/** Highest rate taken from the 24-bit escape. */
const SAMPLE_RATE_MAX = 192_000;
/** §1.6.3.4; 0 where the configuration is reserved or given by a program config element. */
const CHANNEL_COUNTS: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 24, 8, 0];
/** AAC object types (§1.5.1.1). */
const PROFILE_NAMES: ReadonlyMap<number, string> = new Map([
  [1, "Main"],
  [2, "LC"],
  [3, "SSR"],
  [4, "LTP"],
  [6, "Scalable"],
  [17, "ER LC"],
  [19, "ER LTP"],
  [20, "ER Scalable"],
  [22, "ER BSAC"],
  [23, "LD"],
  [39, "ELD"],
  [42, "xHE"],
]);
/** Object types whose configuration is a GASpecificConfig. */
const GENERAL_AUDIO: ReadonlySet<number> = new Set([1, 2, 3, 4, 6, 17, 19, 20, 22, 23]);

/**
 * Decode an AudioSpecificConfig.
 *
 * **Spec**: ISO/IEC 14496-3 §1.6.2.1; explicit SBR and PS signalling, hierarchical (object types 5 and 29) and
 * backward compatible (sync extensions 0x2b7 and 0x548).
 * **Shape**: 2 bytes for the common cases; sample rates 1–192000 Hz.
 * @throws ProtocolError `ERR_AAC_CONFIG` when truncated, of a reserved rate or channel configuration, or of an
 * object type that is no AAC.
 */
export function decodeAacConfig(bytes: Uint8Array): AacConfig {
  const reader = new BitReader(bytes);
  const signalledType = readObjectType(reader);
  const coreSampleRate = readSampleRate(reader);
  const channelConfiguration = reader.readBits(4);
  const isExtended = signalledType === OBJECT_SBR || signalledType === OBJECT_PS;
  let objectType = signalledType;
  let extension: Extension = {
    hasSbr: isExtended,
    hasPs: signalledType === OBJECT_PS,
    sampleRate: coreSampleRate,
  };
  if (isExtended) {
    extension = { ...extension, sampleRate: readSampleRate(reader) };
    objectType = readObjectType(reader);
  }
  if (!PROFILE_NAMES.has(objectType)) {
    throw configError(`audio object type ${objectType}`);
  }
  const general = readGeneralConfig(reader, objectType, channelConfiguration);
  if (reader.isBroken) {
    throw configError("truncated");
  }
  if (!isExtended) {
    extension = readSyncExtension(reader, extension);
  }
  const coreChannels = general.channels ?? CHANNEL_COUNTS[channelConfiguration] ?? 0;
  if (coreChannels === 0) {
    throw configError(`channel configuration ${channelConfiguration}`);
  }
  return {
    objectType,
    profile: profileName(objectType, extension),
    coreSampleRate,
    sampleRate: extension.sampleRate,
    channels: extension.hasPs && coreChannels === 1 ? 2 : coreChannels,
    channelConfiguration,
    frameSamples: general.frameSamples,
    hasSbr: extension.hasSbr,
    hasPs: extension.hasPs,
  };
}

function readObjectType(reader: BitReader): number {
  const type = reader.readBits(5);
  return type === OBJECT_ESCAPE ? 32 + reader.readBits(6) : type;
}

function readSampleRate(reader: BitReader): number {
  const index = reader.readBits(4);
  const rate = index === RATE_ESCAPE ? reader.readBits(24) : SAMPLE_RATES[index];
  if (reader.isBroken) {
    throw configError("truncated");
  }
  if (rate === undefined || rate === 0 || rate > SAMPLE_RATE_MAX) {
    throw configError(`sampling frequency index ${index}, rate ${rate ?? "reserved"}`);
  }
  return rate;
}

/** GASpecificConfig (§4.4.1). Channels are null unless a program config element states them. */
function readGeneralConfig(
  reader: BitReader,
  objectType: number,
  channelConfiguration: number,
): { frameSamples: number; channels: number | null } {
  if (!GENERAL_AUDIO.has(objectType)) {
    return { frameSamples: 1024, channels: null };
  }
  const isShort = reader.readFlag();
  const frameSamples = isShort ? 960 : 1024;
  const hasCoreCoder = reader.readFlag();
  if (hasCoreCoder) {
    reader.skipBits(14);
  }
  const hasExtension = reader.readFlag();
  const channels = channelConfiguration === 0 ? readProgramChannels(reader) : null;
  if (objectType === 6 || objectType === 20) {
    reader.skipBits(3);
  }
  if (hasExtension) {
    skipGeneralExtension(reader, objectType);
  }
  return { frameSamples, channels };
}

function skipGeneralExtension(reader: BitReader, objectType: number): void {
  if (objectType === OBJECT_ER_BSAC) {
    reader.skipBits(16);
  } else if (objectType >= 17) {
    reader.skipBits(3);
  }
  reader.skipBits(1);
}

/** program_config_element (§4.4.1.1) as far as its channel elements. */
function readProgramChannels(reader: BitReader): number {
  reader.skipBits(10);
  const pairElements = reader.readBits(4) + reader.readBits(4) + reader.readBits(4);
  const lowFrequencyElements = reader.readBits(2);
  const dataElements = reader.readBits(3);
  const couplingElements = reader.readBits(4);
  for (const mixdownBits of [4, 4, 3]) {
    const hasMixdown = reader.readFlag();
    if (hasMixdown) {
      reader.skipBits(mixdownBits);
    }
  }
  let channels = lowFrequencyElements;
  for (let element = 0; element < pairElements; element += 1) {
    const isPair = reader.readFlag();
    reader.skipBits(4);
    channels += isPair ? 2 : 1;
  }
  reader.skipBits(4 * (lowFrequencyElements + dataElements) + 5 * couplingElements);
  // byte_alignment, then a comment.
  reader.skipBits((8 - (reader.bitOffset % 8)) % 8);
  reader.skipBits(8 * reader.readBits(8));
  return channels;
}

/** Backward compatible signalling; absent in most configurations, where the reads break and match nothing. */
function readSyncExtension(reader: BitReader, base: Extension): Extension {
  const isSbr = reader.readBits(11) === SYNC_SBR && readObjectType(reader) === OBJECT_SBR;
  if (!(isSbr && reader.readFlag())) {
    return base;
  }
  const sampleRate = readSampleRate(reader);
  const hasPs = reader.readBits(11) === SYNC_PS && reader.readFlag();
  return { hasSbr: true, hasPs, sampleRate };
}

function profileName(objectType: number, extension: Extension): string {
  if (extension.hasPs) {
    return "HEv2";
  }
  return extension.hasSbr ? "HE" : (PROFILE_NAMES.get(objectType) ?? String(objectType));
}

function configError(reason: string): ProtocolError {
  return new ProtocolError("ERR_AAC_CONFIG", `AudioSpecificConfig: ${reason}`, {
    spec: "ISO/IEC 14496-3 §1.6.2.1",
  });
}
