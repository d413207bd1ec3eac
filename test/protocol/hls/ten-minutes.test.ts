/** Ten minutes of a stream in compressed time, every playlist and every packet judged. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { decodeReloadQuery } from "../../../src/protocol/hls/reload-query.ts";
import { type Frame, readFlv } from "../../support/flv-file.ts";
import { HlsRun, type HlsRunOptions } from "../../support/hls-run.ts";
import { PlaylistWatch, type ReadPlaylist } from "../../support/playlist-check.ts";
import { TsCheck } from "../../support/ts-check.ts";

const FIXTURES = fileURLToPath(new URL("../../../../test/fixtures/flv/", import.meta.url));
const TOTAL_MS = 600_000;
const LIMIT = { timeout: 20_000 };

/** 33 bits of 90 kHz, in milliseconds. */
const TS_WRAP_MS = Math.floor(2 ** 33 / 90);

interface RunPlan extends HlsRunOptions {
  readonly fixture: string;
  readonly startMs: number;
  /** Length of the fixture, 2000 unless said. */
  readonly roundMs?: number;
  /** Rounds before which the publisher leaves and comes back. */
  readonly republishAt?: readonly number[];
  /** What its time jumps by then. */
  readonly jumpMs?: number;
}

interface RunResult {
  readonly run: HlsRun;
  readonly judge: TsCheck;
  /** Of all segments ever listed, by number. */
  readonly listed: Map<number, { seconds: number; isDiscontinuity: boolean }>;
  readonly versions: number;
}

/** A player's reload after each message; files go only when the playlist lets them. */
function play(plan: RunPlan): RunResult {
  // Where the fixture begins again its last sound is later than its next pictures: the clock goes slow there.
  const judge = new TsCheck({ silenceMsMax: 130 });
  const watch = new PlaylistWatch();
  const listed: RunResult["listed"] = new Map();
  let segments = 0;
  const run = new HlsRun({
    ...plan,
    onSegment: (bytes) => {
      segments += 1;
      if (plan.container === "ts") {
        judge.pushSegment(bytes);
      }
    },
  });
  let seen = -1;
  const reload = () => {
    const parts = run.playlist.openParts.length;
    if (seen === segments * 1000 + parts) {
      return;
    }
    seen = segments * 1000 + parts;
    const playlist = watch.read(run.text());
    for (const { sequence, seconds, isDiscontinuity } of playlist.segments) {
      listed.set(sequence, { seconds, isDiscontinuity });
    }
    assertAvailable(run, playlist);
    for (const segment of run.playlist.takeDisposable(run.nowMs)) {
      assert.ok(segment.sequence < run.playlist.mediaSequence, "a listed segment disposed of");
      run.files.delete(segment.uri);
    }
  };
  const messages = readFlv(join(FIXTURES, plan.fixture));
  const { roundMs = 2000 } = plan;
  let shiftMs = plan.startMs;
  for (let round = 0; round * roundMs < TOTAL_MS; round += 1) {
    if (plan.republishAt?.includes(round)) {
      run.packager.finish();
      shiftMs += plan.jumpMs ?? 0;
      reload();
    }
    pushRound(run, { messages, roundMs, shiftMs: shiftMs + round * roundMs, reload });
  }
  run.packager.finish();
  reload();
  return { run, judge, listed, versions: segments };
}

function pushRound(
  run: HlsRun,
  round: {
    readonly messages: readonly Frame[];
    readonly roundMs: number;
    readonly shiftMs: number;
    readonly reload: () => void;
  },
): void {
  const startMs = run.nowMs;
  for (const { type, timestamp, payload } of round.messages) {
    run.nowMs = Math.max(run.nowMs, startMs + timestamp);
    run.packager.push(type, (timestamp + round.shiftMs) % 2 ** 32, payload, run.nowMs);
    round.reload();
  }
  run.nowMs = startMs + round.roundMs;
}

function assertAvailable(run: HlsRun, playlist: ReadPlaylist): void {
  for (const { uri } of playlist.openParts) {
    assert.ok(run.files.has(uri), `${uri} is listed and not there`);
    assert.ok(playlist.openMap !== null && run.files.has(playlist.openMap));
  }
  for (const { uri, map, parts } of playlist.segments) {
    const wanted = [uri, ...(map === null ? [] : [map]), ...parts.map((part) => part.uri)];
    for (const name of wanted) {
      assert.ok(run.files.has(name), `${name} is listed and not there`);
    }
  }
}

/** Numbers without a gap, lengths that add up to the whole. */
function assertWhole({ listed, run }: RunResult, seconds: number): void {
  const numbers = [...listed.keys()];
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index),
  );
  const sum = [...listed.values()].reduce((total, one) => total + one.seconds, 0);
  assert.ok(Math.abs(sum - seconds) < 1, `segments of ${sum} s for ${seconds} s of media`);
  assert.equal(run.unlisted, 0);
  assert.deepEqual(Object.values(run.packager.reader.ignored), [0, 0, 0, 0]);
}

const breaks = ({ listed }: RunResult): number[] =>
  [...listed].filter(([, one]) => one.isDiscontinuity).map(([sequence]) => sequence);

describe("ten minutes of HLS", () => {
  test("H.264 and AAC as MPEG-TS, through the wrap of 33 bits", LIMIT, () => {
    const startMs = TS_WRAP_MS - 250_000;
    const plan = { container: "ts", fixture: "h264-aac-b-frames.flv", startMs } as const;
    const result = play(plan);
    assert.deepEqual(result.judge.errors, []);
    assert.equal(result.judge.wraps, 2, "video and audio go round once each");
    assert.deepEqual(breaks(result), []);
    assertWhole(result, 600);
    assert.equal(result.listed.size, 300);
    assert.ok([...result.listed.values()].every(({ seconds }) => seconds === 2));
    assert.ok(result.run.files.size < 80, `${result.run.files.size} files kept`);
  });

  test("through the wrap of 32-bit milliseconds", LIMIT, () => {
    const startMs = 2 ** 32 - 300_000;
    const plan = { container: "ts", fixture: "h264-aac-b-frames.flv", startMs } as const;
    const result = play(plan);
    assert.deepEqual(result.judge.errors, []);
    assert.deepEqual(breaks(result), []);
    assertWhole(result, 600);
  });

  for (const jumpMs of [0, 3_600_000, -200_000]) {
    test(`two republishes, time jumps by ${jumpMs} ms`, LIMIT, () => {
      const plan = { container: "ts", fixture: "h264-aac-b-frames.flv", startMs: 1e6 } as const;
      const result = play({ ...plan, republishAt: [100, 200], jumpMs });
      assert.deepEqual(result.judge.errors, []);
      assertWhole(result, 600);
      assert.deepEqual(breaks(result), [100, 200], "one discontinuity for each");
    });
  }

  test("audio alone, segments of 2.1 fragments", LIMIT, () => {
    const plan = { container: "ts", fixture: "aac-only.flv", startMs: 0 } as const;
    const result = play({ ...plan, roundMs: 1022 });
    assert.deepEqual(result.judge.errors, []);
    assert.deepEqual(breaks(result), []);
    assertWhole(result, 600);
    for (const { seconds } of [...result.listed.values()].slice(0, -1)) {
      assert.ok(seconds >= 4.2 && seconds <= 4.3, `segment of ${seconds} s`);
    }
  });

  test("fragmented MP4 in parts, with blocking reloads", LIMIT, () => {
    const plan = { container: "fmp4", fixture: "h264-aac-b-frames.flv", startMs: 0 } as const;
    const result = play({ ...plan, partTargetMs: 400, republishAt: [150] });
    assertWhole(result, 600);
    assert.deepEqual(breaks(result), [150]);
    const { playlist } = result.run;
    assert.equal(playlist.partTargetMs, 400, "no part is longer than announced");
    const point = decodeReloadQuery(`_HLS_msn=${playlist.nextSequence}&_HLS_part=0`)?.point;
    assert.ok(point);
    assert.equal(playlist.answer(point), "wait");
    const head = { isDiscontinuity: false, startWallMs: null, key: null, initUri: null };
    playlist.addPart({ uri: "x", durationMs: 400, isIndependent: true }, head);
    assert.equal(playlist.answer(point), "ready");
  });
});
