/**
 * Minutes of a live stream at once: H.264 with B-frames in groups of changing length, and AAC, written into rings as
 * publishers write them. What comes is the same every time.
 */
import type { RingLease } from "../../src/protocol/control/calls.ts";
import { formatRing, RingState, ringSizeBytes } from "../../src/protocol/ring/ring-layout.ts";
import { RingWriter } from "../../src/protocol/ring/ring-writer.ts";
import { ChunkEncoder, encodedLength } from "../../src/protocol/rtmp/chunk-encoder.ts";
import { type Message, MessageType } from "../../src/protocol/rtmp/message.ts";

const WRAP = 1024 * 1024;
const CHUNK = 4096;
const PICTURE_MS = 40;
/** 1024 samples of 44.1 kHz. */
const SOUND_MS = 1024 / 44.1;
/** Composition times of decoding order I P B B P B B …: one picture of delay, two B-frames between the others. */
const COMPOSITION_MS = { key: PICTURE_MS, forward: 3 * PICTURE_MS, between: 0 } as const;

type Written = Pick<Message, "type" | "timestamp" | "payload">;

/** What is published. Times in milliseconds. */
export interface CompressedPlan {
  readonly lengthMs: number;
  /** Timestamp of the first frame. */
  readonly startMs: number;
  /** From when until when there is no picture. */
  readonly soundOnlyMs?: readonly [from: number, until: number];
  /** Headers of the tracks. */
  readonly headers: readonly Message[];
}

/** One publish into one ring. */
export class CompressedPublisher {
  readonly lease: RingLease;
  pictures = 0;
  sounds = 0;
  readonly #writer: RingWriter;
  readonly #encoder = new ChunkEncoder();
  readonly #plan: CompressedPlan;
  #groups = 0;
  /** Decoding numbers within the group of pictures, and its length. */
  #inGroup = 0;
  #groupFrames = 0;
  #nextPictureMs = 0;

  constructor(ringId: number, plan: CompressedPlan) {
    const memory = new SharedArrayBuffer(ringSizeBytes(WRAP));
    formatRing(memory, WRAP);
    this.lease = { ringId, memory };
    this.#writer = new RingWriter(memory, { id: ringId, chunkSize: CHUNK });
    this.#plan = plan;
    for (const header of plan.headers) {
      this.#write({ ...header, timestamp: plan.startMs }, false);
    }
  }

  /** Writes what comes before `untilMs` of the publish. @returns false at its end. */
  writeUntil(untilMs: number): boolean {
    const { lengthMs, startMs } = this.#plan;
    const endMs = Math.min(untilMs, lengthMs);
    for (;;) {
      const soundMs = Math.round(this.sounds * SOUND_MS);
      if (Math.min(soundMs, this.#nextPictureMs) >= endMs) {
        return endMs < lengthMs;
      }
      if (this.#nextPictureMs <= soundMs) {
        this.#picture();
      } else {
        this.#write(soundAt(startMs + soundMs, this.sounds), false);
        this.sounds += 1;
      }
    }
  }

  end(): void {
    this.#writer.end(RingState.Ended);
  }

  #picture(): void {
    const { startMs, soundOnlyMs = [0, 0] } = this.#plan;
    const atMs = this.#nextPictureMs;
    this.#nextPictureMs += PICTURE_MS;
    if (atMs >= soundOnlyMs[0] && atMs < soundOnlyMs[1]) {
      this.#inGroup = this.#groupFrames;
      return;
    }
    if (this.#inGroup >= this.#groupFrames) {
      this.#groups += 1;
      this.#inGroup = 0;
      // 0.5 s to 3.6 s, in an order that looks like none.
      this.#groupFrames = 1 + 3 * (4 + ((this.#groups * 7919) % 27));
    }
    const isKeyframe = this.#inGroup === 0;
    const forward = this.#inGroup % 3 === 1 ? COMPOSITION_MS.forward : COMPOSITION_MS.between;
    const compositionMs = isKeyframe ? COMPOSITION_MS.key : forward;
    const payload = picture(isKeyframe, compositionMs, this.pictures);
    this.#write({ type: MessageType.Video, timestamp: startMs + atMs, payload }, isKeyframe);
    this.#inGroup += 1;
    this.pictures += 1;
  }

  #write({ type, timestamp, payload }: Written, isKeyframe: boolean): void {
    const header = { chunkStreamId: 6, type, streamId: 1, timestamp };
    this.#writer.begin(encodedLength(payload.length, timestamp, CHUNK, 6));
    this.#encoder.encode(this.#writer, header, payload, CHUNK);
    this.#writer.commit({ kind: type === MessageType.Video ? 1 : 2, timestamp, isKeyframe });
  }
}

/** One slice in one NAL unit, as AVC in FLV carries it. */
function picture(isKeyframe: boolean, compositionMs: number, seed: number): Uint8Array {
  const payload = new Uint8Array(isKeyframe ? 900 : 300).fill(0x55);
  const view = new DataView(payload.buffer);
  payload.set([isKeyframe ? 0x17 : 0x27, 1]);
  view.setUint16(3, compositionMs);
  view.setUint32(5, payload.length - 9);
  payload[9] = isKeyframe ? 0x65 : 0x41;
  view.setUint32(10, seed);
  return payload;
}

function soundAt(timestamp: number, seed: number): Written {
  const payload = new Uint8Array(60).fill(seed & 0xff);
  payload.set([0xaf, 1]);
  return { type: MessageType.Audio, timestamp, payload };
}
