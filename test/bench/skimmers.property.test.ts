/** Whatever protocol is around the stream and however it is cut, a client finds every frame's stamp. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { greet } from "../../bench/floor/greeting.ts";
import { FlvSkimmer } from "../../bench/flv/flv-skimmer.ts";
import { ResponseReader } from "../../bench/http/response-reader.ts";
import { WebSocketReader } from "../../bench/http/web-socket-reader.ts";
import { AUDIO_STAMP_OFFSET, isHeaderBody, stampOffsetOf } from "../../bench/media/codecs.ts";
import {
  chunkedEnvelope,
  flvPackaging,
  MediaType,
  rtmpPackaging,
  webSocketEnvelope,
} from "../../bench/media/packaging.ts";
import { readPublisher, readSequence, readTimeUs } from "../../bench/media/stamp.ts";
import {
  CODEC_PROFILES,
  REFERENCE_SHAPE,
  type StreamShape,
} from "../../bench/media/stream-shape.ts";
import { ChunkSkimmer } from "../../bench/rtmp/chunk-skimmer.ts";
import { cutSizes, pushCut } from "./cuts.ts";
import { packStream, type StampedFrame } from "./frames.ts";

const LIMIT = { timeout: 60_000 };
const RUNS = { numRuns: 25 };
const CHUNK_SIZE = 4096;

/** Collects what a skimmer tells. */
class Collector {
  readonly frames: StampedFrame[] = [];
  headers = 0;

  media(type: number, bytes: Uint8Array, offset: number, sizeBytes: number): void {
    const isVideo = type === MediaType.Video;
    if (isHeaderBody(isVideo, bytes[offset] ?? 0, bytes[offset + 1] ?? 0)) {
      this.headers++;
      return;
    }
    const at = offset + (isVideo ? stampOffsetOf(bytes[offset] ?? 0) : AUDIO_STAMP_OFFSET);
    assert.equal(readPublisher(bytes, at), 5);
    const sequence = readSequence(bytes, at);
    this.frames.push({ isVideo, sequence, timeUs: readTimeUs(bytes, at), sizeBytes });
  }

  control(): void {}
  command(): void {}
}

const shapes: readonly StreamShape[] = [
  ...CODEC_PROFILES.map((codec) => ({ ...REFERENCE_SHAPE, codec })),
  { bitrateKbps: 4000, fps: 60, gopSeconds: 0.5, codec: "avc-high" },
  { bitrateKbps: 200, fps: 15, gopSeconds: 1, codec: "hevc" },
];

for (const shape of shapes) {
  describe(`${shape.codec}, ${shape.fps} fps, ${shape.bitrateKbps} kbit/s`, () => {
    test("RTMP chunks", LIMIT, () => {
      const { frames, wire } = packStream(shape, rtmpPackaging(CHUNK_SIZE));
      fc.assert(
        fc.property(cutSizes, (sizes) => {
          const skimmer = new ChunkSkimmer(CHUNK_SIZE);
          const found = new Collector();
          pushCut(wire, sizes, (bytes, start, end) => skimmer.push(bytes, start, end, found));
          assert.deepEqual(found.frames, frames);
          assert.equal(found.headers, 2);
        }),
        RUNS,
      );
    });

    test("FLV in HTTP chunks, as the floor answers", LIMIT, () => {
      const { frames, wire } = packStream(shape, flvPackaging(chunkedEnvelope));
      const answer = Buffer.concat([greet("http-flv", ""), wire]);
      fc.assert(
        fc.property(cutSizes, (sizes) => {
          const reader = new ResponseReader();
          const flv = new FlvSkimmer();
          const found = new Collector();
          const statuses: number[] = [];
          const sink = {
            head: (status: number) => void statuses.push(status),
            body: (bytes: Uint8Array, start: number, end: number) =>
              flv.push(bytes, start, end, found),
            end: () => assert.fail("the body has no end"),
          };
          pushCut(answer, sizes, (bytes, start, end) => reader.push(bytes, start, end, sink));
          assert.deepEqual(found.frames, frames);
          assert.equal(found.headers, 2);
          assert.deepEqual(statuses, [200]);
        }),
        RUNS,
      );
    });

    test("FLV in WebSocket messages, pings between them", LIMIT, () => {
      const { frames, wire } = packStream(shape, flvPackaging(webSocketEnvelope));
      const ping = Uint8Array.from([0x89, 2, 7, 8]);
      const file = webSocketEnvelope(
        Uint8Array.from([0x46, 0x4c, 0x56, 1, 5, 0, 0, 0, 9, 0, 0, 0, 0]),
      );
      const messages = Buffer.concat([ping, file.wire, ping, wire, ping]);
      fc.assert(
        fc.property(cutSizes, (sizes) => {
          const reader = new WebSocketReader();
          const flv = new FlvSkimmer();
          const found = new Collector();
          const controls: number[][] = [];
          const sink = {
            data: (bytes: Uint8Array, start: number, end: number) =>
              flv.push(bytes, start, end, found),
            control: (opcode: number, payload: Uint8Array) =>
              void controls.push([opcode, ...payload]),
          };
          pushCut(messages, sizes, (bytes, start, end) => reader.push(bytes, start, end, sink));
          assert.deepEqual(found.frames, frames);
          assert.deepEqual(controls, [
            [9, 7, 8],
            [9, 7, 8],
            [9, 7, 8],
          ]);
        }),
        RUNS,
      );
    });
  });
}
