/** One stream's life on its packager: publishes that end sooner than it looks, and whoever comes after them. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import type { HlsFile, HlsSettings } from "../../../src/protocol/control/hls.ts";
import { HlsWindows } from "../../../src/protocol/control/hls-windows.ts";
import { PackagedStream } from "../../../src/worker/hls/packaged-stream.ts";
import type { FileStep } from "../../../src/worker/jobs/files.ts";
import { CompressedPublisher } from "../../support/compressed-publisher.ts";
import { HLS_DEFAULTS } from "../../support/hls-settings.ts";
import { NO_RECORDINGS } from "../../support/no-recordings.ts";
import { type ReadPlaylist, readPlaylist } from "../../support/playlist-check.ts";
import { clipHeader, message } from "../clip.ts";

const KEY = "v/live/a";
const MEMORY: HlsSettings = {
  ...HLS_DEFAULTS,
  ...{ enabled: true, hasFiles: false, fragmentMs: 1000, windowMs: 20_000 },
};
const FILES: HlsSettings = { ...MEMORY, hasFiles: true };
const HEADERS = [message(9, 0, clipHeader(9)), message(8, 0, clipHeader(8))];

let nowMs: number;
let windows: HlsWindows;
let released: number[];
let stream: PackagedStream;
/** Answers what the playlist's file holds. */
let answerText: (text: string | null) => void;
let steps: FileStep[];
/** What a predecessor of the thread left. */
let inherited: string;

beforeEach(() => {
  nowMs = 1000;
  windows = new HlsWindows();
  released = [];
  steps = [];
  inherited = "";
  let fileId = 0;
  const text = new Promise<string | null>((resolve) => {
    answerText = resolve;
  });
  stream = new PackagedStream(KEY, {
    ...NO_RECORDINGS,
    thread: 0,
    now: () => nowMs,
    wallMs: () => 1_700_000_000_000 + nowMs,
    nextFileId: () => {
      fileId += 1;
      return fileId;
    },
    runFileSteps: (taken) => {
      steps.push(...taken);
      return Promise.resolve("");
    },
    readSmallText: () => text,
    news: (news) => void windows.take(news),
    dropped: () => undefined,
    inherited: () => inherited,
    trouble: ({ text: trouble }) => assert.fail(trouble),
    ringReleased: (ringId) => released.push(ringId),
  });
});

/** A publish of so long that is over before anybody looked, and forgotten at once. */
function burst(ringId: number, lengthMs: number): void {
  const publisher = new CompressedPublisher(ringId, { lengthMs, startMs: 0, headers: HEADERS });
  stream.openRing(publisher.lease);
  publisher.writeUntil(lengthMs);
  publisher.end();
  stream.forget();
}

function playlist(): ReadPlaylist {
  const text = windows.find(KEY)?.playlist?.text ?? assert.fail("no playlist");
  return readPlaylist(text);
}

function secondsOf({ segments }: ReadPlaylist): number {
  return segments.reduce((sum, { seconds }) => sum + seconds, 0);
}

/** A turn of the loop: what is left goes on in the next. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

async function settle(): Promise<void> {
  for (let turns = 0; turns < 20; turns += 1) {
    await turn();
  }
}

describe("a publish that is over before its packager looks", () => {
  test("is packaged to its end, and its ring let go", async () => {
    stream.change(MEMORY);
    burst(1, 5000);
    await settle();
    assert.ok(Math.abs(secondsOf(playlist()) - 5) < 0.1, `${secondsOf(playlist())} s`);
    assert.deepEqual(released, [1]);
  });

  test("takes numbers that were never used where the disk does not tell", async () => {
    stream.change(FILES);
    burst(1, 5000);
    answerText(null);
    await settle();
    assert.ok(
      (playlist().segments[0]?.sequence ?? 0) >= 1_700_000_000,
      "numbers of an earlier life",
    );
  });

  test("waits for where an earlier life ended", async () => {
    stream.change(FILES);
    burst(1, 5000);
    await settle();
    assert.deepEqual(released, []);
    answerText("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:1,\na-7.ts\n");
    await settle();
    assert.equal(playlist().segments[0]?.sequence, 8);
    assert.ok(Math.abs(secondsOf(playlist()) - 5) < 0.1);
    assert.deepEqual(released, [1]);
  });

  test("is followed by the next: numbers go on, behind a discontinuity", async () => {
    stream.change(MEMORY);
    burst(1, 3000);
    burst(2, 3000);
    await settle();
    const { segments } = playlist();
    assert.ok(Math.abs(secondsOf(playlist()) - 6) < 0.2, `${secondsOf(playlist())} s`);
    assert.equal(segments.filter(({ isDiscontinuity }) => isDiscontinuity).length, 2);
    assert.deepEqual(released, [1, 2]);
  });

  for (const [what, settings] of [
    ["without files", MEMORY],
    ["with files, whatever the disk says", FILES],
  ] as const) {
    test(`goes on with what viewers have of a thread that died, ${what}`, async () => {
      inherited =
        "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:40\n#EXT-X-DISCONTINUITY-SEQUENCE:3\n#EXTINF:1,\na-40.ts\n";
      stream.change(settings);
      burst(1, 3000);
      await settle();
      const { segments, discontinuitySequence } = playlist();
      assert.deepEqual([segments[0]?.sequence, discontinuitySequence], [41, 3]);
      assert.equal(segments[0]?.isDiscontinuity, true);
    });
  }

  test("ends with the server, whatever is not known yet", async () => {
    stream.change(FILES);
    burst(1, 3000);
    await stream.close();
    assert.deepEqual(released, [1]);
  });
});

test("what is held is counted once, and its count comes back to nothing", async () => {
  stream.change(MEMORY);
  burst(1, 5000);
  await settle();
  const { holdings } = windows;
  const files: HlsFile[] = [...(windows.find(KEY)?.files.values() ?? [])];
  const bytes = files.reduce((sum, file) => sum + file.bytes.byteLength, 0);
  assert.deepEqual(holdings, { streams: 1, files: files.length, bytes });
  assert.equal(stream.bytes, bytes);
  for (const news of windows.tell()) {
    windows.take(news);
  }
  assert.deepEqual(windows.holdings, holdings, "told twice");
  nowMs += 121_000;
  stream.tickSlow();
  assert.deepEqual(windows.holdings, { streams: 0, files: 0, bytes: 0 });
  assert.equal(stream.bytes, 0);
});

test("an output that a change of settings ended counts, and goes first where memory is short", async () => {
  stream.change(MEMORY);
  burst(1, 5000);
  await settle();
  const before = stream.bytes;
  stream.change({ ...MEMORY, fragmentMs: 2000 });
  assert.equal(stream.bytes, before);
  assert.equal(stream.shrink(), true);
  assert.equal(stream.bytes, 0);
});

describe("what an earlier life left on disk", () => {
  const text = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:98\n#EXTINF:1,\na-98.ts\n#EXTINF:1,\na-99.ts\n";
  const removed = (): string[] =>
    steps.filter(({ kind }) => kind === "remove").map(({ file }) => file);

  async function resume(settings: HlsSettings): Promise<void> {
    stream.change(settings);
    burst(1, 3000);
    answerText(text);
    await settle();
    assert.equal(playlist().segments[0]?.sequence, 100);
    assert.deepEqual(removed(), []);
    // A window of 20 s and three target durations of one.
    nowMs += 23_500;
    stream.tickSlow();
    await settle();
  }

  test("is removed when nobody can want it any more", async () => {
    await resume({ ...FILES, isEncrypted: true });
    const folder = "./objs/nginx/html/live";
    for (const name of ["a-99.ts", "a-98.ts", "a-99.key", "a-60.ts", "a-100.ts.tmp"]) {
      assert.ok(removed().includes(`${folder}/${name}`), name);
    }
    assert.ok(!removed().includes(`${folder}/a-100.ts`), "its own");
    assert.ok(!removed().includes(`${folder}/a-10.ts`), "not all that ever was");
  });

  test("stays with hls_cleanup off", async () => {
    await resume({ ...FILES, cleanup: false });
    assert.deepEqual(removed(), []);
  });

  test("stays where names hold the time of day", async () => {
    await resume({ ...FILES, tsFile: "[app]/[stream]-[2006]-[seq].ts" });
    assert.deepEqual(removed(), []);
  });

  test("goes with hls_dispose at the latest, all of it once", async () => {
    stream.change({ ...FILES, disposeMs: 2000 });
    burst(1, 3000);
    answerText(text);
    await settle();
    nowMs += 2100;
    stream.tickSlow();
    await settle();
    assert.equal(removed().filter((file) => file.endsWith("/a-99.ts")).length, 1);
    assert.ok(removed().includes("./objs/nginx/html/live/a.m3u8"));
    nowMs += 60_000;
    stream.tickSlow();
    await settle();
    assert.equal(removed().filter((file) => file.endsWith("/a-99.ts")).length, 1);
  });
});
