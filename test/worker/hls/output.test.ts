/** What one stream's output makes of SRS's directives: names, keys, files, windows. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { HlsFile, HlsNews, HlsSettings } from "../../../src/protocol/control/hls.ts";
import { DiskCopy } from "../../../src/worker/hls/disk-copy.ts";
import { HlsOutput } from "../../../src/worker/hls/output.ts";
import type { FileStep } from "../../../src/worker/jobs/files.ts";
import { makeClip } from "../../support/clips.ts";
import { type Frame, readFlv } from "../../support/flv-file.ts";
import { HLS_DEFAULTS } from "../../support/hls-settings.ts";
import { readPlaylist } from "../../support/playlist-check.ts";
import { roundMsOf } from "../../support/rtmp-peer.ts";
import { makeScratch } from "../../support/scratch.ts";

const LIMIT = { timeout: 30_000 };
let clip: Frame[];

before(async () => {
  clip = readFlv(await makeClip(makeScratch(), "clip", { seconds: 4, gopFrames: 10 }));
});

/** An output on a clock of its own, with what it told and wrote. */
class Run {
  readonly output: HlsOutput;
  readonly news: HlsNews[] = [];
  readonly files = new Map<number, HlsFile>();
  readonly written: FileStep[] = [];
  #nowMs = 0;

  constructor(settings: Partial<HlsSettings>, firstSequence = 0) {
    const disk = new DiskCopy({
      runFileSteps: (steps) => {
        this.written.push(...steps);
        return Promise.resolve("");
      },
      failed: () => undefined,
      recovered: () => undefined,
    });
    let id = 0;
    this.output = new HlsOutput({
      key: "v/live/a",
      settings: { ...HLS_DEFAULTS, enabled: true, fragmentMs: 400, windowMs: 2000, ...settings },
      resume: { firstSequence, firstDiscontinuity: 0, earlierTargetMs: 0 },
      disk,
      host: {
        now: () => this.#nowMs,
        wallMs: () => 1_700_000_000_000 + this.#nowMs,
        nextFileId: () => {
          id += 1;
          return id;
        },
        news: (news) => this.#take(news),
        dropped: () => undefined,
      },
      isFirst: true,
      inits: 0,
    });
  }

  /** Takes the clip so many times, as it would come. */
  async play(rounds: number): Promise<void> {
    const roundMs = roundMsOf(clip);
    const startMs = this.#nowMs;
    for (let round = 0; round < rounds; round += 1) {
      for (const { type, timestamp, payload } of clip) {
        const at = timestamp + round * roundMs;
        this.#nowMs = Math.max(this.#nowMs, startMs + at);
        this.output.message(type, startMs + at, payload);
      }
    }
    this.output.flush();
    await new Promise((resolve) => setImmediate(resolve));
  }

  later(ms: number): void {
    this.#nowMs += ms;
  }

  /** URIs that are listed now. */
  get listed(): string[] {
    const text = this.text;
    return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  }

  get text(): string {
    return this.news.at(-1)?.playlist?.text ?? "";
  }

  get paths(): string[] {
    return [...this.files.values()].map(({ path }) => path);
  }

  #take(news: HlsNews): void {
    this.news.push(news);
    for (const file of news.added) {
      this.files.set(file.id, file);
    }
    for (const id of news.dropped) {
      assert.ok(this.files.delete(id), "a file that was never there is dropped");
    }
  }
}

describe("an output", LIMIT, () => {
  test("lists only what can be fetched, and lets go of what left long ago", async () => {
    const run = new Run({});
    await run.play(4);
    const paths = run.paths;
    for (const uri of run.listed) {
      assert.ok(paths.includes(`/live/${uri}`), uri);
    }
    assert.ok(!paths.includes("/live/a-0.ts"), "what nobody can want is kept");
    assert.ok(paths.length < 25, `${paths.length} files`);
    const removed = run.written.filter(({ kind }) => kind === "remove").map(({ file }) => file);
    assert.ok(removed.includes("./objs/nginx/html/live/a-0.ts"));
    assert.equal(run.news.filter(({ segment }) => segment !== null).length, 39);
    assert.deepEqual(
      run.news.filter(({ isFirst }) => isFirst),
      [run.news[0]],
    );
  });

  test("hls_cleanup off: files stay, memory does not", async () => {
    const run = new Run({ cleanup: false });
    await run.play(4);
    assert.ok(!run.paths.includes("/live/a-0.ts"));
    run.output.finish();
    run.output.dispose();
    assert.equal(run.files.size, 0);
    assert.ok(run.written.every(({ kind }) => kind === "write"));
  });

  test("B-66: every segment has its date, and dates agree with lengths", async () => {
    for (const isLowLatency of [false, true]) {
      const run = new Run({ isLowLatency, isFmp4: isLowLatency, partMs: 200 });
      run.later(5000);
      await run.play(1);
      const { segments } = readPlaylist(run.text);
      assert.ok(segments.length >= 5);
      const dates = segments.map(({ dateTime }) => Date.parse(dateTime ?? ""));
      for (const [index, { sequence, seconds }] of segments.entries()) {
        // Media that arrives when it is due.
        assert.equal(dates[index], 1_700_000_005_000 + sequence * 400);
        const next = dates[index + 1];
        assert.ok(next === undefined || next - (dates[index] ?? 0) === seconds * 1000);
      }
    }
  });

  test("a date is that of the first keyframe, of a second publish too", async () => {
    const run = new Run({ windowMs: 60_000 });
    await run.play(1);
    run.output.finish();
    const [header] = clip.filter(({ kind }) => kind === "header");
    assert.ok(header !== undefined);
    run.later(1000);
    run.output.message(header.type, 0, header.payload);
    run.later(3000);
    await run.play(1);
    const { segments } = readPlaylist(run.text);
    const second = segments.find(({ isDiscontinuity }) => isDiscontinuity);
    const firstMs = Math.max(...clip.map(({ timestamp }) => timestamp));
    const keyMs = clip.find(({ kind }) => kind === "key")?.timestamp ?? 0;
    assert.equal(Date.parse(second?.dateTime ?? ""), 1_700_000_004_000 + firstMs + keyMs);
  });

  test("hls_keys: one for so many segments, gone with the last of them", async () => {
    const run = new Run({ isEncrypted: true, fragmentsPerKey: 3 });
    await run.play(4);
    const keys = run.paths.filter((path) => path.endsWith(".key"));
    assert.ok(keys.length >= 3 && keys.length <= 9, keys.join(" "));
    assert.ok(!keys.includes("/live/a-0.key"));
    for (const [, uri] of run.text.matchAll(/URI="([^"]+)"/g)) {
      assert.ok(keys.includes(`/live/${uri}`), `${uri} is listed`);
    }
    const vectors = [...run.text.matchAll(/IV=0x([0-9a-f]{32})/g)].map(([, iv]) =>
      Number(`0x${iv}`),
    );
    const first = Number(/MEDIA-SEQUENCE:(\d+)/.exec(run.text)?.[1]);
    assert.deepEqual(
      vectors,
      run.listed.map((_, index) => first + index),
    );
  });

  test("keys that stand elsewhere are written there and served by nobody here", async () => {
    const elsewhere = { keyPath: "/secret", keyUrl: "https://keys.example/" };
    const run = new Run({ isEncrypted: true, ...elsewhere });
    await run.play(1);
    assert.ok(run.paths.every((path) => !path.endsWith(".key")));
    assert.match(run.text, /URI="https:\/\/keys\.example\/live\/a-0\.key"/);
    const files = run.written.map(({ file }) => file);
    assert.ok(files.includes("/secret/live/a-0.key"));
  });

  test("hls_ts_floor: names count fragments of the wall clock, one by one", async () => {
    const run = new Run({ tsFloor: true, tsFile: "[app]/[stream]-[timestamp].ts" });
    await run.play(2);
    const numbers = run.listed.map((uri) => Number(/a-(\d+)\.ts/.exec(uri)?.[1]));
    assert.ok(numbers.length >= 4);
    for (const [index, number] of numbers.entries()) {
      assert.equal(number, (numbers[0] ?? 0) + index);
    }
    assert.ok(Math.abs((numbers[0] ?? 0) * 400 - 1_700_000_000_000) < 20_000);
  });

  test("hls_vcodec vn: sound alone, cut at hls_aof_ratio", async () => {
    const run = new Run({ videoCodec: "vn" });
    await run.play(1);
    const lengths = [...run.text.matchAll(/EXTINF:([\d.]+)/g)].map(([, text]) => Number(text));
    assert.ok(lengths.length >= 3);
    assert.ok(lengths.every((seconds) => seconds >= 0.84 && seconds < 1));
  });

  test("hls_td_ratio and hls_entry_prefix", async () => {
    const run = new Run({ fragmentMs: 2000, targetRatio: 1.5, entryPrefix: "http://cdn.example" });
    await run.play(2);
    assert.match(run.text, /TARGETDURATION:3\n/);
    assert.match(run.listed[0] ?? "", /^http:\/\/cdn\.example\/live\/a-\d+\.ts$/);
  });

  test("goes on where an earlier one ended, and says where a later one goes on", async () => {
    const run = new Run({ windowMs: 60_000 }, 42);
    await run.play(1);
    assert.match(run.text, /MEDIA-SEQUENCE:42\n/);
    assert.match(run.text, /#EXT-X-DISCONTINUITY\n/);
    run.output.finish();
    const { firstSequence, firstDiscontinuity } = run.output.resume;
    const last = Number(/a-(\d+)/.exec(run.listed.at(-1) ?? "")?.[1]);
    assert.deepEqual([firstSequence, firstDiscontinuity], [last + 1, 1]);
  });

  test("is stale when no media came for hls_dispose", async () => {
    const run = new Run({ disposeMs: 5000 });
    await run.play(1);
    run.later(4900);
    assert.equal(run.output.isStale, false);
    run.later(200);
    assert.equal(run.output.isStale, true);
    const forEver = new Run({ disposeMs: 0 });
    await forEver.play(1);
    forEver.later(599_000);
    assert.equal(forEver.output.isStale, false);
  });

  test("shrinks to what players need", async () => {
    const run = new Run({ windowMs: 60_000 });
    await run.play(4);
    const before = run.output.bytes;
    let shrunk = 0;
    while (run.output.shrink()) {
      shrunk += 1;
    }
    run.output.flush();
    assert.equal(run.listed.length, 3);
    assert.equal(run.paths.length, 3);
    assert.equal(shrunk, 36);
    assert.ok(run.output.bytes < before / 5);
    assert.match(run.text, new RegExp(`MEDIA-SEQUENCE:${shrunk}\n`));
  });

  test("LL-HLS: parts leave with their segment", async () => {
    const run = new Run({ isLowLatency: true, isFmp4: true, partMs: 200 });
    await run.play(4);
    const parts = run.paths.filter((path) => /a-\d+\.\d+\.m4s/.test(path));
    assert.ok(parts.length > 10 && parts.length < 60, `${parts.length} parts`);
    assert.ok(!parts.includes("/live/a-0.0.m4s"));
    assert.ok(run.paths.includes("/live/a/init.mp4"));
  });
});
