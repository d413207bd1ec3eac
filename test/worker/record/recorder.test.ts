/** Where files of recordings begin and end, what is in them, and what a disk that fails or hangs costs. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { amfEntries } from "../../../src/protocol/amf/amf-value.ts";
import { decodeAmf0 } from "../../../src/protocol/amf/amf0-decoder.ts";
import { RECORDING_WAITING_BYTES_MAX } from "../../../src/protocol/limits.ts";
import { type Frame, readFlv } from "../../support/flv-file.ts";
import { readBoxes } from "../../support/mp4-boxes.ts";
import { RecorderBench, type Sent, settle } from "../../support/recorder-bench.ts";
import { isMedia } from "../../support/rtmp-peer.ts";
import { audio, clipHeader, clipMessages, message, video } from "../clip.ts";

const HEADERS = [message(9, 0, clipHeader(9)), message(8, 0, clipHeader(8))];
const GOP_MS = 400;
const FRAME_MS = 40;

/** Pictures every 40 ms, keyframes every 400 ms, sound between them; from `startMs` on, without headers. */
function run(lengthMs: number, startMs = 0, frameBytes = 300): Sent[] {
  const sent: Sent[] = [];
  for (let at = 0; at < lengthMs; at += FRAME_MS) {
    const seed = (startMs + at) / FRAME_MS;
    sent.push(video(startMs + at, at % GOP_MS === 0, frameBytes, seed));
    sent.push(audio(startMs + at + FRAME_MS / 2, 60, seed));
  }
  return sent;
}

const payloadsOf = (frames: readonly Sent[]): string[] =>
  frames.map(({ payload }) => Buffer.from(payload).toString("base64"));

const mediaIn = (file: string): Frame[] => readFlv(file).filter(isMedia);

function metadataIn(file: string): ReadonlyMap<string, unknown> {
  const body = readFlv(file)[0]?.payload ?? new Uint8Array(0);
  return amfEntries(decodeAmf0(new Uint8Array(body))[1]) ?? new Map<string, unknown>();
}

test("a session is what was published, with its headers first, and says how long it is", async () => {
  const bench = new RecorderBench();
  const sent = clipMessages();
  bench.send(sent);
  const [file = ""] = await bench.finish();
  assert.equal(file, join(bench.directory, "a.flv"));
  const frames = readFlv(file);
  assert.deepEqual(
    frames.slice(0, 3).map(({ kind }) => kind),
    ["data", "header", "header"],
  );
  const media = readFlv(file).filter(isMedia);
  assert.deepEqual(
    payloadsOf(media),
    payloadsOf(sent.filter((one) => isMedia({ kind: kindOf(one) }))),
  );
  const first = media[0]?.timestamp;
  assert.equal(first, 0);
  const bytes = readFileSync(file);
  assert.equal(bytes[4], 5);
  const metadata = metadataIn(file);
  assert.equal(metadata.get("filesize"), bytes.length);
  const lastMs = Math.max(...media.map(({ timestamp }) => timestamp));
  const durationMs = Number(metadata.get("duration")) * 1000;
  assert.ok(durationMs > lastMs && durationMs < lastMs + 60, `${durationMs} of ${lastMs}`);
  // What the publisher said of itself stands there too.
  assert.equal(metadata.get("width"), 160);
  assert.deepEqual(bench.left, ["a.flv"]);
  assert.equal(bench.counts.bytes, bytes.length);
  assert.equal(bench.counts.open, 0);
});

function kindOf({ type, payload }: Sent): Frame["kind"] {
  if (type === 18) {
    return "data";
  }
  const isHeader = payload[1] === 0;
  const media = type === 8 ? "audio" : "inter";
  return isHeader ? "header" : media;
}

test("sound alone: flags tell of it, segments end at any frame", async () => {
  const bench = new RecorderBench({ plan: "segment" });
  bench.send([message(8, 0, clipHeader(8))]);
  const sounds = run(2500).filter(({ type }) => type === 8);
  bench.send(sounds);
  const files = await bench.finish();
  assert.equal(files.length, 3);
  assert.deepEqual(
    files.flatMap((file) => payloadsOf(mediaIn(file))),
    payloadsOf(sounds),
  );
  for (const file of files) {
    assert.equal(readFileSync(file)[4], 4);
    assert.equal(mediaIn(file)[0]?.timestamp, 0);
  }
});

test("segments end at the first keyframe after their length; dvr_wait_keyframe off at any picture", async () => {
  for (const [waitKeyframe, lengths] of [
    [true, [1200, 1200, 600]],
    [false, [1000, 1000, 1000]],
  ] as const) {
    const bench = new RecorderBench({ plan: "segment", waitKeyframe });
    bench.send([...HEADERS, ...run(3000)]);
    const files = await bench.finish();
    assert.deepEqual(
      files.map((file) => mediaIn(file).filter(({ type }) => type === 9).length * FRAME_MS),
      lengths,
    );
    assert.deepEqual(
      files.flatMap((file) => payloadsOf(mediaIn(file))),
      payloadsOf(run(3000)),
    );
    for (const file of files) {
      assert.deepEqual(
        readFlv(file)
          .slice(0, 3)
          .map(({ kind }) => kind),
        ["data", "header", "header"],
      );
    }
  }
});

test("A7-04: timestamps that pass 2^32 and 2^31 are none of a file's concern", async () => {
  for (const wrap of [2 ** 32, 2 ** 31]) {
    const bench = new RecorderBench({ plan: "segment" });
    const before = wrap - 2000;
    bench.send([
      ...HEADERS,
      ...run(4000).map((one) => ({ ...one, timestamp: (one.timestamp + before) % 2 ** 32 })),
    ]);
    const files = await bench.finish();
    assert.equal(files.length, 4, `${wrap}`);
    for (const file of files) {
      const times = mediaIn(file).map(({ timestamp }) => timestamp);
      assert.ok(times[0] === 0 && Math.max(...times) <= 1200, `${times.slice(0, 3).join()}`);
    }
  }
});

test("time_jitter off: times as they are in the stream", async () => {
  const bench = new RecorderBench({ timeJitter: "off" });
  bench.send([...HEADERS, ...run(800, 5000)]);
  const [file = ""] = await bench.finish();
  assert.equal(mediaIn(file)[0]?.timestamp, 5000);
  assert.ok(Math.abs(Number(metadataIn(file).get("duration")) - 0.82) < 0.03);
});

test("enabled while it runs: from the next keyframe on; disabled: it ends at once", async () => {
  const bench = new RecorderBench();
  bench.recorder.change(null);
  bench.send([...HEADERS, ...run(600)]);
  bench.recorder.change(bench.settings());
  bench.send(run(1000, 640).map((one, index) => (index === 0 ? video(640, false) : one)));
  bench.recorder.change(null);
  bench.send(run(400, 2000));
  const [file = ""] = await bench.finish();
  const frames = mediaIn(file);
  assert.equal(frames[0]?.kind, "key");
  // Of 640 to 1640: keyframes at 1040 and 1440.
  assert.equal(frames.filter(({ type }) => type === 9).length * FRAME_MS, 600);
  assert.equal(readFlv(file).filter(({ kind }) => kind === "header").length, 2);
});

test("a stream without any other keyframe is recorded all the same, after ten seconds", async () => {
  const bench = new RecorderBench();
  bench.recorder.change(null);
  bench.send([...HEADERS, video(0, true)]);
  bench.recorder.change(bench.settings());
  const inter = run(12_000, 40).map((one) =>
    one.type === 9 ? video(one.timestamp, false, 300, one.timestamp) : one,
  );
  bench.send(inter);
  const [file = ""] = await bench.finish();
  const pictures = mediaIn(file).filter(({ type }) => type === 9).length;
  assert.ok(pictures > 40 && pictures < 60, `${pictures}`);
});

test("a name that there is, or that another file grows under, is never taken", async () => {
  const bench = new RecorderBench();
  writeFileSync(join(bench.directory, "a.flv"), "somebody's");
  writeFileSync(join(bench.directory, "a-1.flv.tmp"), "left");
  bench.send([...HEADERS, ...run(400)]);
  assert.deepEqual(await bench.finish(), [join(bench.directory, "a-2.flv")]);
  assert.equal(readFileSync(join(bench.directory, "a.flv"), "utf8"), "somebody's");
  assert.equal(readFileSync(join(bench.directory, "a-1.flv.tmp"), "utf8"), "left");
});

test("a publish after another is another file, one that is recorded elsewhere none", async () => {
  const bench = new RecorderBench();
  for (const isElsewhere of [false, true, false]) {
    bench.recorder.begin(true, isElsewhere);
    assert.equal(bench.recorder.isWanted, !isElsewhere);
    bench.send([...HEADERS, ...run(400)]);
    bench.recorder.ended();
  }
  assert.equal((await bench.finish()).length, 2);
});

test("other settings count from the next keyframe on, in another file", async () => {
  const bench = new RecorderBench();
  bench.send([...HEADERS, ...run(600)]);
  bench.recorder.change(bench.settings({ path: join(bench.directory, "b.flv") }));
  bench.send(run(600, 600).map((one, index) => (index === 0 ? video(600, false) : one)));
  const files = await bench.finish();
  assert.deepEqual(
    files.map((file) => file.slice(bench.directory.length)),
    ["/a.flv", "/b.flv"],
  );
  // A reload that changes nothing ends nothing.
  assert.equal(mediaIn(files[1] ?? "")[0]?.kind, "key");
});

test("C-24: a disk that fails costs a file; another one is begun ten seconds later, at a keyframe", async () => {
  const bench = new RecorderBench();
  bench.send([...HEADERS, ...run(1000)]);
  bench.recorder.tick();
  await settle();
  bench.failure = "ENOSPC: no space left";
  bench.send(run(1000, 1000));
  bench.recorder.tick();
  await settle();
  assert.deepEqual([bench.troubles, bench.counts.errors], [["ENOSPC: no space left"], 1]);
  const steps = bench.steps.length;
  bench.send(run(9000, 2000));
  assert.equal(bench.steps.length, steps, "nothing is tried before its time");
  bench.send(run(2000, 11_000));
  bench.recorder.tick();
  await settle();
  assert.deepEqual(
    [bench.troubles.length, bench.counts.errors],
    [1, 2],
    "told once, counted twice",
  );
  bench.failure = "";
  bench.send(run(13_000, 13_000));
  bench.recorder.tick();
  await settle();
  assert.deepEqual(bench.troubles.at(-1), "written again");
  const [file = ""] = await bench.finish();
  assert.equal(mediaIn(file)[0]?.kind, "key");
  assert.equal(bench.counts.open, 0);
});

test("C-24: what is on disk before it fails is a finished file", async () => {
  const bench = new RecorderBench();
  bench.send([...HEADERS, ...run(1000)]);
  bench.recorder.tick();
  await settle();
  bench.send(run(1000, 1000));
  bench.failure = "ENOSPC";
  bench.failsAt = "append";
  bench.recorder.tick();
  await settle();
  const [file = ""] = bench.finished;
  assert.equal(metadataIn(file).get("filesize"), readFileSync(file).length);
  assert.equal(metadataIn(file).get("duration"), 1.02);
});

test("C-26: at most 16 MiB wait for a disk; then it is left out up to a keyframe, told and counted", async () => {
  const bench = new RecorderBench();
  bench.hold();
  let most = 0;
  const sent = [...HEADERS, ...run(4000, 0, 400_000)];
  for (const one of sent) {
    bench.send([one]);
    most = Math.max(most, bench.recorder.waitingBytes);
  }
  assert.ok(most > RECORDING_WAITING_BYTES_MAX / 2, `${most}`);
  assert.ok(most < RECORDING_WAITING_BYTES_MAX + 500_000, `${most}`);
  assert.equal(bench.counts.drops, 1);
  assert.equal(bench.troubles.length, 1);
  bench.release();
  await settle();
  bench.send(run(800, 4000));
  const [file = ""] = await bench.finish();
  const frames = mediaIn(file);
  const gap = frames.findIndex(
    ({ timestamp }, index) => timestamp - (frames[index - 1]?.timestamp ?? 0) > 100,
  );
  assert.ok(gap > 0);
  assert.equal(frames[gap]?.kind, "key");
  assert.equal(frames[gap]?.timestamp, 4000);
});

/** A picture of one NAL unit, as MP4 needs it. */
function withUnit({ type, timestamp, payload }: Sent): Sent {
  const copy = new Uint8Array(payload);
  if (type === 9) {
    new DataView(copy.buffer).setUint32(5, copy.length - 9);
  }
  return { type, timestamp, payload: copy };
}

test("MP4: fragments of a second, its length at the beginning, and a new file for another track", async () => {
  const bench = new RecorderBench({ isMp4: true });
  const sent = clipMessages();
  bench.send(sent);
  bench.recorder.ended();
  await settle();
  const [file = ""] = bench.finished;
  const boxes = readBoxes(readFileSync(file));
  const fragments = boxes.filter(({ path }) => path === "moof").length;
  const lengthMs = Math.max(...sent.map(({ timestamp }) => timestamp));
  assert.ok(fragments >= lengthMs / 1000 - 1, `${fragments} fragments of ${lengthMs} ms`);
  const length = boxes.find(({ path }) => path === "moov/mvex/mehd");
  assert.ok(Math.abs(Number(length?.body.readBigUInt64BE(4)) - lengthMs) < 100);
  // The track is added when the file's header is written.
  bench.recorder.begin(true, false);
  const [picture, sound] = HEADERS;
  assert.ok(picture !== undefined && sound !== undefined);
  const first = run(2000).map(withUnit);
  const second = run(2000, 2000).map(withUnit);
  bench.send([picture, ...first.filter(({ type }) => type === 9), sound, ...second]);
  const files = await bench.finish();
  assert.equal(files.length, 3);
  const handlers = files.map((name) =>
    readBoxes(readFileSync(name))
      .filter(({ path }) => path === "moov/trak/mdia/hdlr")
      .map(({ body }) => body.toString("latin1", 8, 12))
      .join(),
  );
  assert.deepEqual(handlers, ["vide,soun", "vide", "vide,soun"]);
});

test("a publish without anything that can be written makes no file", async () => {
  for (const isMp4 of [false, true]) {
    const bench = new RecorderBench({ isMp4 });
    bench.send(HEADERS);
    bench.recorder.ended();
    await bench.finish();
    assert.deepEqual([bench.left, bench.counts.open], [[], 0]);
  }
});

test("a publish that begins in the middle of a group is recorded from its first keyframe on", async () => {
  const bench = new RecorderBench({ plan: "segment" });
  bench.send([...HEADERS, video(5000, false), video(5040, false)]);
  bench.recorder.tick();
  await settle();
  assert.deepEqual(bench.steps, [], "headers alone are no file");
  bench.send(run(800, 5080));
  const files = await bench.finish();
  assert.deepEqual(payloadsOf(mediaIn(files[0] ?? "")), payloadsOf(run(800, 5080)));
  assert.equal(files.length, 1);
});

test("C-26: a stream without keyframes goes on as well when the disk has caught up", async () => {
  const bench = new RecorderBench();
  const pictures = (from: number, lengthMs: number, bytes: number): Sent[] =>
    run(lengthMs, from, bytes).map((one, index) =>
      one.type === 9 ? video(one.timestamp, index === 0 && from === 0, bytes) : one,
    );
  bench.hold();
  bench.send([...HEADERS, ...pictures(0, 4000, 400_000)]);
  assert.equal(bench.counts.drops, 1);
  bench.release();
  await settle();
  const later = pictures(4000, 12_000, 300);
  bench.send(later);
  const [file = ""] = await bench.finish();
  const taken = payloadsOf(mediaIn(file).slice(-50));
  assert.deepEqual(taken, payloadsOf(later.slice(-50)));
});
