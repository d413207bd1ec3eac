/**
 * Sample entries: how a track's frames are coded.
 *
 * Spec: ISO/IEC 14496-12 §12.1.3, §12.2.3 (visual and audio entries); 14496-15 (avc1, hvc1); 14496-14 §5.6 (esds);
 * AV1-ISOBMFF §2.2; Opus in ISOBMFF §4.3.
 */
import type { AudioTrack, VideoTrack } from "../flv/elementary-frame.ts";
import type { BoxWriter } from "./box-writer.ts";

const VIDEO_ENTRIES: Readonly<Record<VideoTrack["codec"], { entry: string; record: string }>> = {
  H264: { entry: "avc1", record: "avcC" },
  HEVC: { entry: "hvc1", record: "hvcC" },
  AV1: { entry: "av01", record: "av1C" },
};
/** 72 dots per inch, 16.16. */
const RESOLUTION = 0x00_48_00_00;
const DEPTH_COLOUR = 0x18;
const SAMPLE_BITS = 16;
/** Object type indications. **Spec**: ISO/IEC 14496-1 §7.2.6.6.2. */
const OBJECT_AAC = 0x40;
const OBJECT_MP3 = 0x6b;
const OBJECT_MP3_LOW_RATE = 0x69;
const MPEG1_RATE_MIN = 32_000;
/** streamType 5 (audio), upStream 0, reserved 1. */
const AUDIO_STREAM = 0x15;
const RATE_16_16_MAX = 0xff_ff;
const OPUS_HEAD_FIXED_BYTES = 8;

/** Write a visual sample entry with its configuration record. */
export function writeVideoEntry(boxes: BoxWriter, track: VideoTrack): void {
  const { entry, record } = VIDEO_ENTRIES[track.codec];
  boxes.open(entry).zeros(6).uint16(1).zeros(16);
  boxes.uint16(track.width).uint16(track.height).uint32(RESOLUTION).uint32(RESOLUTION);
  boxes.uint32(0).uint16(1).zeros(32).uint16(DEPTH_COLOUR).uint16(0xff_ff);
  boxes.open(record).raw(track.record).close();
  boxes.close();
}

/** Write an audio sample entry with its configuration. */
export function writeAudioEntry(boxes: BoxWriter, track: AudioTrack): void {
  const rate = track.aac?.sampleRate ?? track.sampleRate;
  boxes
    .open(track.codec === "Opus" ? "Opus" : "mp4a")
    .zeros(6)
    .uint16(1)
    .zeros(8);
  boxes.uint16(track.channels).uint16(SAMPLE_BITS).uint32(0);
  boxes.uint16(rate <= RATE_16_16_MAX ? rate : 0).uint16(0);
  if (track.codec === "Opus") {
    writeOpusRecord(boxes, track);
  } else {
    writeElementaryDescriptor(boxes, track);
  }
  boxes.close();
}

function writeElementaryDescriptor(boxes: BoxWriter, track: AudioTrack): void {
  const specific = track.codec === "AAC" ? track.record : new Uint8Array(0);
  const specificBytes = specific.length === 0 ? 0 : DESCRIPTOR_HEAD_BYTES + specific.length;
  const mp3 = track.sampleRate >= MPEG1_RATE_MIN ? OBJECT_MP3 : OBJECT_MP3_LOW_RATE;
  boxes.openFull("esds", 0, 0);
  writeDescriptorHead(boxes, 3, 3 + DESCRIPTOR_HEAD_BYTES + 13 + specificBytes + 3 + 3);
  boxes.uint16(0).uint8(0);
  writeDescriptorHead(boxes, 4, 13 + specificBytes);
  boxes
    .uint8(track.codec === "AAC" ? OBJECT_AAC : mp3)
    .uint8(AUDIO_STREAM)
    .zeros(3);
  boxes.uint32(0).uint32(0);
  if (specific.length > 0) {
    writeDescriptorHead(boxes, 5, specific.length);
    boxes.raw(specific);
  }
  // SLConfigDescriptor, predefined for MP4.
  boxes.uint8(6).uint8(1).uint8(2);
  boxes.close();
}

/** Tag and a length of four bytes, seven bits each. */
const DESCRIPTOR_HEAD_BYTES = 5;

function writeDescriptorHead(boxes: BoxWriter, tag: number, length: number): void {
  boxes
    .uint8(tag)
    .uint8(0x80 | (length >> 21))
    .uint8(0x80 | ((length >> 14) & 0x7f));
  boxes.uint8(0x80 | ((length >> 7) & 0x7f)).uint8(length & 0x7f);
}

/** The identification header's fields, big-endian here. */
function writeOpusRecord(boxes: BoxWriter, track: AudioTrack): void {
  const head = track.record.subarray(OPUS_HEAD_FIXED_BYTES);
  const at = (offset: number): number => head[offset] ?? 0;
  boxes.open("dOps").uint8(0).uint8(track.channels);
  if (head.length === 0) {
    boxes.uint16(0).uint32(track.sampleRate).uint16(0).uint8(0);
  } else {
    boxes.uint8(at(3)).uint8(at(2));
    boxes.uint8(at(7)).uint8(at(6)).uint8(at(5)).uint8(at(4));
    boxes.uint8(at(9)).uint8(at(8)).raw(head.subarray(10));
  }
  boxes.close();
}
