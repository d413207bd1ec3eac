/** A stream that is gone: what its publisher sent last is in the output all the same. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RingLease } from "../../../src/protocol/control/calls.ts";
import type { HlsNews } from "../../../src/protocol/control/hls.ts";
import { formatRing, RingState, ringSizeBytes } from "../../../src/protocol/ring/ring-layout.ts";
import { RingWriter } from "../../../src/protocol/ring/ring-writer.ts";
import { ChunkEncoder, encodedLength } from "../../../src/protocol/rtmp/chunk-encoder.ts";
import { PackagedStreams } from "../../../src/worker/hls/packaged-streams.ts";
import { codecFixture } from "../../protocol/codec-fixture.ts";
import { HLS_DEFAULTS } from "../../support/hls-settings.ts";
import { readPlaylist } from "../../support/playlist-check.ts";
import { waitUntil } from "../../support/scratch.ts";

const LIMIT = { timeout: 20_000 };
const WRAP = 512 * 1024;
const CHUNK = 4096;
const FRAME_MS = 40;

/** A publisher's ring. */
class Publish {
  readonly lease: RingLease;
  readonly #writer: RingWriter;
  readonly #encoder = new ChunkEncoder();

  constructor(ringId: number) {
    const memory = new SharedArrayBuffer(ringSizeBytes(WRAP));
    formatRing(memory, WRAP);
    this.lease = { ringId, memory };
    this.#writer = new RingWriter(memory, { id: ringId, chunkSize: CHUNK });
  }

  /** So many frames of H.264, a keyframe each second, and the end. */
  writeAll(frames: number): void {
    this.#put(0, [0x17, 0, 0, 0, 0, ...codecFixture("avc-baseline")], false);
    for (let index = 0; index < frames; index += 1) {
      const isKey = index % 25 === 0;
      const unit = [0, 0, 0, 2, isKey ? 0x65 : 0x41, 1];
      const payload = [isKey ? 0x17 : 0x27, 1, 0, 0, 0, ...unit];
      this.#put(index * FRAME_MS, payload, isKey);
    }
    this.#writer.end(RingState.Ended);
  }

  #put(timestamp: number, bytes: readonly number[], isKeyframe: boolean): void {
    const payload = Uint8Array.from(bytes);
    this.#writer.begin(encodedLength(payload.length, timestamp, CHUNK, 6));
    const header = { chunkStreamId: 6, type: 9, streamId: 1, timestamp };
    this.#encoder.encode(this.#writer, header, payload, CHUNK);
    this.#writer.commit({ kind: 1, timestamp, isKeyframe });
  }
}

function start(hasFiles: boolean) {
  const news: HlsNews[] = [];
  const released: number[] = [];
  let now = 0;
  const streams = new PackagedStreams({
    bytesMax: 1e9,
    thread: 3,
    now: () => {
      now += 1;
      return now;
    },
    wallMs: () => 1_700_000_000_000,
    runFileSteps: () => Promise.resolve(""),
    readSmallText: () => Promise.resolve(""),
    news: (one) => news.push(one),
    trouble: () => undefined,
    ringReleased: (ringId) => released.push(ringId),
  });
  const settings = { ...HLS_DEFAULTS, enabled: true, fragmentMs: 1000, hasFiles };
  const stream = streams.know(1, "v/live/a", settings);
  const seconds = (): number => {
    const text = news.findLast(({ playlist }) => playlist != null)?.playlist?.text;
    const { segments } = readPlaylist(text ?? "#EXTM3U\n");
    return segments.reduce((sum, segment) => sum + segment.seconds, 0);
  };
  return { stream, news, released, seconds };
}

describe("a packaged stream", () => {
  for (const hasFiles of [true, false]) {
    test(`is read to its end when it is forgotten, files ${hasFiles}`, LIMIT, async () => {
      const { stream, news, released, seconds } = start(hasFiles);
      const publish = new Publish(7);
      stream.openRing(publish.lease);
      // More than one turn's worth, all of it since this thread last looked.
      publish.writeAll(1000);
      stream.close();
      await waitUntil("the ring is let go of", () => released.length > 0, 10_000);
      assert.deepEqual(released, [7]);
      assert.ok(news.length > 0);
      assert.equal(seconds().toFixed(3), "40.000");
    });
  }
});
