/**
 * FourCC codec identifiers of enhanced RTMP as numbers.
 *
 * Spec: Enhanced RTMP v2, AudioFourCc and VideoFourCc.
 */

/** Four ASCII bytes as a big-endian number, 0–2^32-1; also the form `videocodecid` takes in onMetaData. */
export type FourCc = number;

/** Video codecs. VVC is not in the document's list; encoders and servers of the field use `vvc1`. */
export const VideoFourCc = {
  Avc: 0x61_76_63_31,
  Hevc: 0x68_76_63_31,
  Vvc: 0x76_76_63_31,
  Av1: 0x61_76_30_31,
  Vp9: 0x76_70_30_39,
  Vp8: 0x76_70_30_38,
} as const;

/** Audio codecs. */
export const AudioFourCc = {
  Opus: 0x4f_70_75_73,
  Flac: 0x66_4c_61_43,
  Ac3: 0x61_63_2d_33,
  Eac3: 0x65_63_2d_33,
  Mp3: 0x2e_6d_70_33,
  Aac: 0x6d_70_34_61,
} as const;

/** Write a FourCC as text, with `.` for bytes that are not printable ASCII, so that it is safe in a log line. */
export function formatFourCc(fourCc: FourCc): string {
  let text = "";
  for (let shift = 24; shift >= 0; shift -= 8) {
    const code = (fourCc >>> shift) & 0xff;
    text += code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : ".";
  }
  return text;
}
