/**
 * The reference stream: 720p30 H.264 + AAC of 1.1 Mbit/s, 30 video and 43 audio messages a second, 2 s GOP.
 * Sequence headers are valid (High profile, level 3.1; AAC-LC 44.1 kHz stereo); frames have valid tag headers and
 * NAL lengths around filler, and carry a stamp.
 */
import { NativeMemory } from "../native/libc.ts";
import { encodeAmf } from "../rtmp/amf.ts";
import {
  concatBytes,
  encodeWire,
  FIRST_HEADER_BYTES,
  STREAM_ID_OFFSET,
  TIMESTAMP_OFFSET,
} from "../rtmp/chunks.ts";
import { type Stamp, writeStamp } from "./stamp.ts";

export const VIDEO_INTERVAL_US: number = 1_000_000 / 30;
export const AUDIO_INTERVAL_US: number = (1024 / 44_100) * 1_000_000;
export const GOP_FRAMES = 60;
/** Where the stamp stands in a video payload: after the tag header, NAL length and NAL header. */
export const VIDEO_STAMP_OFFSET = 10;
/** Where the stamp stands in an audio payload. */
export const AUDIO_STAMP_OFFSET = 2;
/** What the floor sends with, as the servers do; a raw connection hears no Set Chunk Size. */
export const FLOOR_CHUNK_SIZE = 60_000;
/** Payload bytes of one second, on average. */
export const PAYLOAD_BYTES_PER_SECOND = 137_500;

const KEYFRAME_BYTES = 40_000;
const AUDIO_BYTES = 280;
const AUDIO_PER_SECOND = 44_100 / 1024;
const INTER_BYTES: number =
  ((PAYLOAD_BYTES_PER_SECOND - AUDIO_PER_SECOND * AUDIO_BYTES) * 2 - KEYFRAME_BYTES) /
  (GOP_FRAMES - 1);

const TYPE_AUDIO = 8;
const TYPE_VIDEO = 9;
const TYPE_DATA = 18;
const CSID_DATA = 5;
const CSID_VIDEO = 6;
const CSID_AUDIO = 4;

const AVC_CONFIG =
  "0164001fffe100186764001facb200a00b760220000003002000000781e3064901000668ebc3cb22c0fdf8f800";
const AAC_CONFIG = "1210";

/** One prepared message in the template's memory. */
export interface FrameTemplate {
  /** Offset of the wire form in {@link SyntheticStream.memory}. */
  readonly offset: number;
  readonly wireBytes: number;
  readonly payloadBytes: number;
  readonly stampOffset: number;
}

/** Values put into a template before it is sent. */
export interface FrameFields extends Stamp {
  readonly streamId: number;
  readonly timestampMs: number;
}

const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));

function videoPayload(index: number): Uint8Array {
  const isKey = index === 0;
  const wave = 1 + 0.4 * Math.sin((index * Math.PI * 2) / 15);
  const size = isKey ? KEYFRAME_BYTES : Math.round(INTER_BYTES * wave);
  const payload = new Uint8Array(size);
  for (let at = 0; at < size; at++) {
    payload[at] = 0x80 | ((at * 31 + index * 7) & 0x7f);
  }
  payload.set([isKey ? 0x17 : 0x27, 1, 0, 0, 0]);
  new DataView(payload.buffer).setUint32(5, size - 9);
  payload[9] = isKey ? 0x65 : 0x41;
  return payload;
}

function audioPayload(): Uint8Array {
  const payload = new Uint8Array(AUDIO_BYTES).fill(0xa5);
  payload.set([0xaf, 1]);
  return payload;
}

export class SyntheticStream {
  readonly memory: NativeMemory;
  /** One GOP, the first a keyframe. */
  readonly video: readonly FrameTemplate[];
  readonly audio: FrameTemplate;
  readonly #view: DataView;
  readonly #chunkSize: number;

  constructor(chunkSize: number) {
    this.#chunkSize = chunkSize;
    const payloads = Array.from({ length: GOP_FRAMES }, (_, index) => videoPayload(index));
    const wires = payloads.map((payload) =>
      encodeWire({ chunkStreamId: CSID_VIDEO, type: TYPE_VIDEO, streamId: 1, payload }, chunkSize),
    );
    const audio = audioPayload();
    wires.push(
      encodeWire(
        { chunkStreamId: CSID_AUDIO, type: TYPE_AUDIO, streamId: 1, payload: audio },
        chunkSize,
      ),
    );
    const all = concatBytes(wires);
    this.memory = new NativeMemory(all.length);
    this.memory.bytes.set(all);
    this.#view = new DataView(this.memory.bytes.buffer);
    let offset = 0;
    const templates = wires.map((wire, index): FrameTemplate => {
      const isAudio = index === GOP_FRAMES;
      const start = offset;
      offset += wire.length;
      return {
        offset: start,
        wireBytes: wire.length,
        payloadBytes: payloads[index]?.length ?? audio.length,
        stampOffset:
          start + FIRST_HEADER_BYTES + (isAudio ? AUDIO_STAMP_OFFSET : VIDEO_STAMP_OFFSET),
      };
    });
    this.audio = templates.pop() as FrameTemplate;
    this.video = templates;
  }

  /** The video frame of a sequence number. */
  videoFrame(sequence: number): FrameTemplate {
    return this.video[sequence % GOP_FRAMES] as FrameTemplate;
  }

  /** Write timestamp, stream id and stamp into a template's wire form. Allocates nothing. */
  fill(frame: FrameTemplate, fields: FrameFields): void {
    const bytes = this.memory.bytes;
    const at = frame.offset + TIMESTAMP_OFFSET;
    bytes[at] = fields.timestampMs >> 16;
    bytes[at + 1] = fields.timestampMs >> 8;
    bytes[at + 2] = fields.timestampMs;
    this.#view.setUint32(frame.offset + STREAM_ID_OFFSET, fields.streamId, true);
    writeStamp(bytes, frame.stampOffset, fields);
  }

  /** @returns **owned** wire form of metadata and both sequence headers. */
  headers(streamId: number): Uint8Array {
    const metadata = encodeAmf([
      "@setDataFrame",
      "onMetaData",
      {
        width: 1280,
        height: 720,
        framerate: 30,
        videocodecid: 7,
        videodatarate: 1000,
        audiocodecid: 10,
        audiodatarate: 96,
        audiosamplerate: 44_100,
        stereo: true,
        encoder: "weir-bench",
      },
    ]);
    const avc = concatBytes([Uint8Array.from([0x17, 0, 0, 0, 0]), fromHex(AVC_CONFIG)]);
    const aac = concatBytes([Uint8Array.from([0xaf, 0]), fromHex(AAC_CONFIG)]);
    const messages = [
      { chunkStreamId: CSID_DATA, type: TYPE_DATA, streamId, payload: metadata },
      { chunkStreamId: CSID_VIDEO, type: TYPE_VIDEO, streamId, payload: avc },
      { chunkStreamId: CSID_AUDIO, type: TYPE_AUDIO, streamId, payload: aac },
    ];
    return concatBytes(messages.map((message) => encodeWire(message, this.#chunkSize)));
  }
}
