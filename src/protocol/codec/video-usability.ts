/**
 * The part of the video usability information (VUI) that H.264 and H.265 begin alike, and the picture size.
 *
 * Spec: H.264 Annex E.1.1; H.265 Annex E.2.1.
 */
import type { BitReader } from "../bytes/bit-reader.ts";
import { PICTURE_SIDE_MAX } from "../limits.ts";

const EXTENDED_ASPECT_RATIO = 255;

/** Pass over the fields from aspect ratio to chroma sample location. */
export function skipPictureUsability(reader: BitReader): void {
  const hasAspectRatio = reader.readFlag();
  if (hasAspectRatio && reader.readBits(8) === EXTENDED_ASPECT_RATIO) {
    reader.skipBits(32);
  }
  const hasOverscan = reader.readFlag();
  if (hasOverscan) {
    reader.skipBits(1);
  }
  const hasSignalType = reader.readFlag();
  if (hasSignalType) {
    reader.skipBits(4);
    const hasColourDescription = reader.readFlag();
    if (hasColourDescription) {
      reader.skipBits(24);
    }
  }
  const hasChromaLocation = reader.readFlag();
  if (hasChromaLocation) {
    reader.readUnsignedGolomb();
    reader.readUnsignedGolomb();
  }
}

/**
 * Read timing_info_present_flag and what follows it.
 *
 * @returns ticks per second, or null when absent, broken or zero.
 */
export function readTickRate(reader: BitReader): number | null {
  const hasTiming = reader.readFlag();
  if (!hasTiming) {
    return null;
  }
  const unitsInTick = reader.readBits(32);
  const timeScale = reader.readBits(32);
  return reader.isBroken || unitsInTick === 0 || timeScale === 0 ? null : timeScale / unitsInTick;
}

/** Whether a cropped side is one that a decoder would open: 1 to {@link PICTURE_SIDE_MAX} samples. */
export function isPictureSide(samples: number): boolean {
  return samples >= 1 && samples <= PICTURE_SIDE_MAX;
}
