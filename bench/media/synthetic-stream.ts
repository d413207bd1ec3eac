/**
 * A live stream without an encoder: valid sequence headers, frames with valid tag headers and NAL lengths around
 * filler, sizes and rate as its shape says, and a stamp in every frame.
 */
import { NativeMemory } from "../native/libc.ts";
import { encodeAmf } from "../rtmp/amf.ts";
import { concatBytes } from "../rtmp/chunks.ts";
import {
  AUDIO_STAMP_OFFSET,
  audioHeader,
  dressFrame,
  videoHeader,
  videoStampOffset,
} from "./codecs.ts";
import { MediaType, type Package, type Packaging } from "./packaging.ts";
import { type Stamp, writeStamp } from "./stamp.ts";
import { AUDIO_BYTES, frameSizes, gopFrames, type StreamShape } from "./stream-shape.ts";

/** What the floor sends with, as the servers do; a raw connection hears no Set Chunk Size. */
export const FLOOR_CHUNK_SIZE = 60_000;

/** One prepared message in the template's memory. */
export interface FrameTemplate {
  /** Offset of the wire form in {@link SyntheticStream.memory}. */
  readonly offset: number;
  readonly wireBytes: number;
  readonly payloadBytes: number;
  readonly headerOffset: number;
  readonly stampOffset: number;
}

/** Values put into a template before it is sent. */
export interface FrameFields extends Stamp {
  readonly streamId: number;
  readonly timestampMs: number;
}

function videoPayload(index: number, shape: StreamShape): Uint8Array {
  const isKey = index === 0;
  const sizes = frameSizes(shape);
  const wave = 1 + 0.4 * Math.sin((index * Math.PI * 2) / 15);
  const size = isKey ? sizes.key : Math.round(sizes.inter * wave);
  const payload = new Uint8Array(size);
  for (let at = 0; at < size; at++) {
    payload[at] = 0x80 | ((at * 31 + index * 7) & 0x7f);
  }
  dressFrame(payload, shape.codec, isKey);
  return payload;
}

function audioPayload(): Uint8Array {
  const payload = new Uint8Array(AUDIO_BYTES).fill(0xa5);
  payload.set([0xaf, 1]);
  return payload;
}

export class SyntheticStream {
  readonly memory: NativeMemory;
  /** Video frames of one GOP, the first a keyframe. */
  readonly gopFrames: number;
  readonly audio: FrameTemplate;
  readonly #video: readonly FrameTemplate[];
  readonly #packaging: Packaging;
  readonly #shape: StreamShape;

  constructor(shape: StreamShape, packaging: Packaging) {
    this.#shape = shape;
    this.#packaging = packaging;
    this.gopFrames = gopFrames(shape);
    const payloads = Array.from({ length: this.gopFrames }, (_, index) =>
      videoPayload(index, shape),
    );
    const packages = payloads.map((payload) => packaging.wrap(MediaType.Video, payload));
    const audio = audioPayload();
    const packed = packaging.wrap(MediaType.Audio, audio);
    const all = concatBytes([...packages, packed].map(({ wire }) => wire));
    this.memory = new NativeMemory(all.length);
    this.memory.bytes.set(all);
    let offset = 0;
    const template = (one: Package, payload: Uint8Array, stampOffset: number): FrameTemplate => {
      const start = offset;
      offset += one.wire.length;
      return {
        offset: start,
        wireBytes: one.wire.length,
        payloadBytes: payload.length,
        headerOffset: start + one.headerOffset,
        stampOffset: start + one.payloadOffset + stampOffset,
      };
    };
    const videoStamp = videoStampOffset(shape.codec);
    this.#video = packages.map((one, index) => template(one, payloads[index] ?? audio, videoStamp));
    this.audio = template(packed, audio, AUDIO_STAMP_OFFSET);
  }

  /** The video frame of a sequence number. */
  videoFrame(sequence: number): FrameTemplate {
    return this.#video[sequence % this.gopFrames] as FrameTemplate;
  }

  /** Write timestamp, stream id and stamp into a template's wire form. Allocates nothing. */
  fill(frame: FrameTemplate, fields: FrameFields): void {
    this.#packaging.setTime(this.memory.bytes, frame.headerOffset, fields);
    writeStamp(this.memory.bytes, frame.stampOffset, fields);
  }

  /** @returns **owned** wire form of metadata and both sequence headers, on message stream `streamId`. */
  headers(streamId: number): Uint8Array {
    const { fps, codec } = this.#shape;
    const metadata = encodeAmf([
      "@setDataFrame",
      "onMetaData",
      {
        width: 1280,
        height: 720,
        framerate: fps,
        videocodecid: codec === "hevc" ? 12 : 7,
        videodatarate: 1000,
        audiocodecid: 10,
        audiodatarate: 96,
        audiosamplerate: 44_100,
        stereo: true,
        encoder: "weir-bench",
      },
    ]);
    const messages = [
      this.#packaging.wrap(MediaType.Data, metadata),
      this.#packaging.wrap(MediaType.Video, videoHeader(codec)),
      this.#packaging.wrap(MediaType.Audio, audioHeader()),
    ];
    for (const { wire, headerOffset } of messages) {
      this.#packaging.setTime(wire, headerOffset, { streamId, timestampMs: 0 });
    }
    return concatBytes(messages.map(({ wire }) => wire));
  }
}
