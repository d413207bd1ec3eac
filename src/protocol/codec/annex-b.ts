/**
 * Length-prefixed frames as byte streams with start codes, as MPEG-TS carries them.
 *
 * Each access unit begins with an access unit delimiter of weir's own (the publisher's is left out, so that the
 * order is always delimiter, parameter sets, slices); a keyframe without parameter sets gets the track's.
 *
 * Spec: H.264 Annex B, §7.3.2.4 and §7.4.1.2.3 (order in an access unit); H.265 Annex B, §7.3.2.5, §7.4.2.4.4.
 */
import { nalLengthAt } from "./nal-lengths.ts";

/** What the writer needs to know of a track. */
export interface AnnexBForm {
  readonly codec: "H264" | "HEVC";
  /** 1, 2 or 4. */
  readonly nalLengthBytes: number;
  /** Delimiter of every access unit, with its start code. */
  readonly delimiter: Uint8Array;
  /** All parameter sets, each with a start code. */
  readonly parameterSets: Uint8Array;
}

const LONG_CODE: readonly number[] = [0, 0, 0, 1];
const SHORT_CODE_BYTES = 3;
/** NAL header, then primary_pic_type 7 (any) or pic_type 2 (any), and the stop bit. */
const AVC_DELIMITER: readonly number[] = [0x09, 0xf0];
const HEVC_DELIMITER: readonly number[] = [0x46, 0x01, 0x50];
const AVC_NAL = { sps: 7, delimiter: 9 } as const;
const HEVC_NAL = { sps: 33, delimiter: 35 } as const;

/** **Memory**: owned arrays, made once for a track. */
export function annexBForm(
  codec: "H264" | "HEVC",
  nalLengthBytes: number,
  sets: readonly Uint8Array[],
): AnnexBForm {
  const delimiter = codec === "H264" ? AVC_DELIMITER : HEVC_DELIMITER;
  const bytes = sets.reduce((sum, set) => sum + LONG_CODE.length + set.length, 0);
  const parameterSets = new Uint8Array(bytes);
  let offset = 0;
  for (const set of sets) {
    parameterSets.set(LONG_CODE, offset);
    parameterSets.set(set, offset + LONG_CODE.length);
    offset += LONG_CODE.length + set.length;
  }
  return {
    codec,
    nalLengthBytes,
    delimiter: Uint8Array.of(...LONG_CODE, ...delimiter),
    parameterSets,
  };
}

/** A frame of length-prefixed NAL units: payload[start, end) is a row of whole ones. **Memory**: borrowed. */
export interface NalFrame {
  readonly payload: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Decoding starts here: the access unit must hold parameter sets. */
  readonly isKeyframe: boolean;
}

/** Bytes that {@link encodeAnnexB} will write. **Memory**: allocates nothing. */
export function annexBBytes(form: AnnexBForm, frame: NalFrame): number {
  const { payload, start, end } = frame;
  const { nalLengthBytes } = form;
  let total = form.delimiter.length + (needsSets(form, frame) ? form.parameterSets.length : 0);
  for (let offset = start; offset < end; ) {
    const length = nalLengthAt(payload, offset, nalLengthBytes);
    const type = nalType(form, payload[offset + nalLengthBytes] ?? 0);
    total += isDelimiter(form, type) ? 0 : SHORT_CODE_BYTES + length;
    offset += nalLengthBytes + length;
  }
  return total;
}

/**
 * Write a frame as an access unit of a byte stream.
 *
 * **Memory**: allocates a view for each NAL unit, no bytes; `target` needs {@link annexBBytes} from `offset`.
 * @returns the offset after it.
 */
export function encodeAnnexB(
  target: Uint8Array,
  offset: number,
  form: AnnexBForm,
  frame: NalFrame,
): number {
  const { payload, end } = frame;
  const { nalLengthBytes } = form;
  target.set(form.delimiter, offset);
  let write = offset + form.delimiter.length;
  if (needsSets(form, frame)) {
    target.set(form.parameterSets, write);
    write += form.parameterSets.length;
  }
  for (let read = frame.start; read < end; ) {
    const length = nalLengthAt(payload, read, nalLengthBytes);
    const unit = read + nalLengthBytes;
    read = unit + length;
    if (isDelimiter(form, nalType(form, payload[unit] ?? 0))) {
      continue;
    }
    target[write] = 0;
    target[write + 1] = 0;
    target[write + 2] = 1;
    target.set(payload.subarray(unit, read), write + SHORT_CODE_BYTES);
    write += SHORT_CODE_BYTES + length;
  }
  return write;
}

/** A keyframe that brings its own sequence parameter set is left as it is: its sets are the newer ones. */
function needsSets(form: AnnexBForm, frame: NalFrame): boolean {
  if (!frame.isKeyframe) {
    return false;
  }
  const { nalLengthBytes } = form;
  const spsType = form.codec === "H264" ? AVC_NAL.sps : HEVC_NAL.sps;
  for (let offset = frame.start; offset < frame.end; ) {
    if (nalType(form, frame.payload[offset + nalLengthBytes] ?? 0) === spsType) {
      return false;
    }
    offset += nalLengthBytes + nalLengthAt(frame.payload, offset, nalLengthBytes);
  }
  return true;
}

function nalType(form: AnnexBForm, header: number): number {
  return form.codec === "H264" ? header & 31 : (header >> 1) & 63;
}

function isDelimiter(form: AnnexBForm, type: number): boolean {
  return type === (form.codec === "H264" ? AVC_NAL.delimiter : HEVC_NAL.delimiter);
}
