/**
 * Initialisation segment of a fragmented MP4: what a player needs before any fragment.
 *
 * Spec: ISO/IEC 14496-12 §4.3 (ftyp), §8.2 (moov), §8.8 (mvex); ISO/IEC 23000-19 §7.3 (CMAF header).
 */

import { InvariantError } from "../errors.ts";
import type { AudioTrack, VideoTrack } from "../flv/elementary-frame.ts";
import { BoxWriter } from "./box-writer.ts";
import { writeAudioEntry, writeVideoEntry } from "./sample-entries.ts";

/** Ticks a second of a video track. */
export const VIDEO_TIMESCALE = 90_000;
/** Track ids. */
export const TrackId = { Video: 1, Audio: 2 } as const;

/** What a file holds; at least one is not null. */
export interface Mp4Tracks {
  readonly video: VideoTrack | null;
  readonly audio: AudioTrack | null;
}

const UNITY_MATRIX: readonly number[] = [0x1_00_00, 0, 0, 0, 0x1_00_00, 0, 0, 0, 0x40_00_00_00];
const MOVIE_TIMESCALE = 1000;
/** Enabled, in movie, in preview. */
const TRACK_FLAGS = 7;
/** ISO 639-2 `und`, five bits a letter. */
const LANGUAGE = 0x55_c4;
const SELF_CONTAINED = 1;

/** Bytes of a `mehd` box. */
const LENGTH_BYTES = 20;

/**
 * What fills the place that a file keeps for its length: a `mehd` box.
 *
 * **Shape**: as many bytes as {@link encodeInitSegment} left free. @returns an owned array.
 */
export function encodeMovieLength(durationMs: number): Uint8Array {
  const boxes = new BoxWriter();
  boxes.openFull("mehd", 1, 0).uint64(Math.round(durationMs)).close();
  return boxes.bytes.finish();
}

/** @returns where that place is in the init segment of a file. */
export function movieLengthAt(init: Uint8Array): number {
  const [m, v, e, x] = [0x6d, 0x76, 0x65, 0x78];
  // The last box of all: what codecs say of themselves stands before it.
  for (let at = init.length - 4; at > 0; at -= 1) {
    if (init[at] === m && init[at + 1] === v && init[at + 2] === e && init[at + 3] === x) {
      return at + 4;
    }
  }
  throw new InvariantError("an init segment has a mvex box");
}

/**
 * @param isFile Its length is told when it is known: a place is left for it, see {@link encodeMovieLength}.
 * @returns an owned array: ftyp and moov.
 */
export function encodeInitSegment(tracks: Mp4Tracks, isFile: boolean = false): Uint8Array {
  const boxes = new BoxWriter();
  boxes.open("ftyp").text("iso6").uint32(1).text("iso6").text("cmfc").text("mp41").close();
  boxes.open("moov");
  boxes.openFull("mvhd", 0, 0).zeros(8).uint32(MOVIE_TIMESCALE).uint32(0);
  boxes.uint32(0x1_00_00).uint16(0x1_00).zeros(10);
  writeMatrix(boxes);
  boxes
    .zeros(24)
    .uint32(TrackId.Audio + 1)
    .close();
  if (tracks.video !== null) {
    writeVideoTrack(boxes, tracks.video);
  }
  if (tracks.audio !== null) {
    writeAudioTrack(boxes, tracks.audio);
  }
  boxes.open("mvex");
  if (isFile) {
    boxes
      .open("free")
      .zeros(LENGTH_BYTES - 8)
      .close();
  }
  if (tracks.video !== null) {
    writeTrackExtends(boxes, TrackId.Video);
  }
  if (tracks.audio !== null) {
    writeTrackExtends(boxes, TrackId.Audio);
  }
  boxes.close().close();
  return boxes.bytes.finish();
}

function writeTrackExtends(boxes: BoxWriter, trackId: number): void {
  boxes.openFull("trex", 0, 0).uint32(trackId).uint32(1).zeros(12).close();
}

function writeMatrix(boxes: BoxWriter): void {
  for (const value of UNITY_MATRIX) {
    boxes.uint32(value);
  }
}

function writeVideoTrack(boxes: BoxWriter, track: VideoTrack): void {
  boxes.open("trak");
  writeTrackHeader(boxes, TrackId.Video, { volume: 0, width: track.width, height: track.height });
  openMedia(boxes, VIDEO_TIMESCALE, "vide", "video");
  boxes.openFull("vmhd", 0, 1).zeros(8).close();
  writeDataReference(boxes);
  boxes.open("stbl").openFull("stsd", 0, 0).uint32(1);
  writeVideoEntry(boxes, track);
  closeMedia(boxes);
}

function writeAudioTrack(boxes: BoxWriter, track: AudioTrack): void {
  boxes.open("trak");
  writeTrackHeader(boxes, TrackId.Audio, { volume: 0x1_00, width: 0, height: 0 });
  openMedia(boxes, track.sampleRate, "soun", "audio");
  boxes.openFull("smhd", 0, 0).zeros(4).close();
  writeDataReference(boxes);
  boxes.open("stbl").openFull("stsd", 0, 0).uint32(1);
  writeAudioEntry(boxes, track);
  closeMedia(boxes);
}

function writeTrackHeader(
  boxes: BoxWriter,
  trackId: number,
  look: { readonly volume: number; readonly width: number; readonly height: number },
): void {
  boxes.openFull("tkhd", 0, TRACK_FLAGS).zeros(8).uint32(trackId).zeros(8).zeros(12);
  boxes.uint16(look.volume).uint16(0);
  writeMatrix(boxes);
  boxes.uint16(look.width).uint16(0).uint16(look.height).uint16(0).close();
}

/** Leaves mdia and minf open. */
function openMedia(boxes: BoxWriter, timescale: number, handler: string, name: string): void {
  boxes.open("mdia");
  boxes.openFull("mdhd", 0, 0).zeros(8).uint32(timescale).uint32(0).uint16(LANGUAGE).uint16(0);
  boxes.close();
  boxes.openFull("hdlr", 0, 0).uint32(0).text(handler).zeros(12).text(name).uint8(0).close();
  boxes.open("minf");
}

function writeDataReference(boxes: BoxWriter): void {
  boxes.open("dinf").openFull("dref", 0, 0).uint32(1);
  boxes.openFull("url ", 0, SELF_CONTAINED).close().close().close();
}

/** Closes stsd, writes the tables that fragments replace, and closes stbl, minf, mdia, trak. */
function closeMedia(boxes: BoxWriter): void {
  boxes.close();
  boxes.openFull("stts", 0, 0).uint32(0).close();
  boxes.openFull("stsc", 0, 0).uint32(0).close();
  boxes.openFull("stsz", 0, 0).uint32(0).uint32(0).close();
  boxes.openFull("stco", 0, 0).uint32(0).close();
  boxes.close().close().close().close();
}
