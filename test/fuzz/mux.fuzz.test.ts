/** A hostile publisher's messages through HLS: nothing is thrown, and what comes out is still right. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { readFlv } from "../support/flv-file.ts";
import { HlsRun } from "../support/hls-run.ts";
import { readBoxes, readRuns } from "../support/mp4-boxes.ts";
import { PlaylistWatch } from "../support/playlist-check.ts";
import { TsCheck } from "../support/ts-check.ts";
import { fuzz, type Random } from "./mutator.ts";

const CLIP = readFlv(
  fileURLToPath(new URL("../../../test/fixtures/flv/h264-aac-b-frames.flv", import.meta.url)),
);
const ROUND_MS = 2000;
const STEPS: readonly number[] = [
  0,
  0,
  1,
  20,
  20,
  40,
  40,
  500,
  -1,
  -500,
  -5000,
  11_000,
  2 ** 31,
  -(2 ** 31),
];

/** A clip in a loop with a stranger's message after some of its own. */
class Publisher {
  #index = 0;
  #offset = 0;
  #nowMs = 0;
  readonly runs: readonly HlsRun[];

  constructor(runs: readonly HlsRun[]) {
    this.runs = runs;
  }

  step(stranger: Uint8Array, random: Random): void {
    for (let count = random.below(8); count >= 0; count -= 1) {
      const message = CLIP[this.#index % CLIP.length];
      const round = Math.floor(this.#index / CLIP.length);
      this.#index += 1;
      if (message !== undefined) {
        this.#push(message.type, message.timestamp + round * ROUND_MS, message.payload);
      }
    }
    if (random.below(50) === 0) {
      this.#offset += random.pick(STEPS, 0);
    }
    const time = this.#nowMs + random.pick(STEPS, 0);
    this.#push(random.pick([8, 8, 9, 9, 9, 18, 22], 9), time, stranger);
    if (random.below(500) === 0) {
      for (const run of this.runs) {
        run.packager.finish();
      }
    }
  }

  #push(type: number, timestamp: number, payload: Uint8Array): void {
    this.#nowMs = timestamp;
    for (const run of this.runs) {
      run.nowMs += 5;
      run.packager.push(type, (timestamp + this.#offset) >>> 0, payload, run.nowMs);
    }
  }
}

test("F-50, A6, A7: segments and playlists stay right", { timeout: 90_000 }, () => {
  const judge = new TsCheck({ silenceMsMax: 1e9, tablesMsMax: 1e9 });
  let fragments = 0;
  const ts = new HlsRun({
    container: "ts",
    fragmentMs: 1000,
    windowMs: 5000,
    onSegment: (bytes, isDiscontinuity) => {
      if (isDiscontinuity) {
        judge.restart();
      }
      judge.push(bytes);
      judge.finish();
    },
  });
  const fmp4 = new HlsRun({
    container: "fmp4",
    fragmentMs: 1000,
    windowMs: 5000,
    partTargetMs: 300,
    onSegment: (bytes) => {
      fragments += readBoxes(bytes).filter((box) => box.path === "moof").length;
    },
  });
  const publisher = new Publisher([ts, fmp4]);
  const watches = [new PlaylistWatch(), new PlaylistWatch()];
  let listed = 0;
  fuzz("flv", 12_000, (bytes, random) => {
    publisher.step(bytes, random);
    if (ts.playlist.nextSequence + fmp4.playlist.nextSequence === listed) {
      return;
    }
    listed = ts.playlist.nextSequence + fmp4.playlist.nextSequence;
    for (const [index, run] of publisher.runs.entries()) {
      watches[index]?.read(run.text());
      for (const segment of run.playlist.takeDisposable(run.nowMs)) {
        run.files.delete(segment.uri);
        for (const part of segment.parts) {
          const runs = readRuns(run.files.get(part.uri) ?? new Uint8Array(0));
          assert.ok(runs.length > 0);
          run.files.delete(part.uri);
        }
      }
    }
  });
  assert.deepEqual(judge.errors, []);
  assert.ok(ts.playlist.nextSequence > 100, `${ts.playlist.nextSequence} segments of MPEG-TS`);
  assert.ok(fmp4.playlist.nextSequence > 100 && fragments > 300, `${fragments} fragments`);
  const { ignored } = ts.packager.reader;
  assert.ok(
    Object.values(ignored).every((count) => count > 0),
    JSON.stringify(ignored),
  );
});
