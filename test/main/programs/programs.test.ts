/** What runs as streams begin and end and configurations change, with real processes that only sleep. */
import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import type { PublishObserver, StreamEntry } from "../../../src/main/coordinator/coordinator.ts";
import type { Logger } from "../../../src/main/log/logger.ts";
import { Programs } from "../../../src/main/programs/programs.ts";
import { type Config, decodeConfig } from "../../../src/protocol/conf/config.ts";
import { makeScratch, waitUntil } from "../../support/scratch.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 30_000;

let programs: Programs;
let observer: PublishObserver;
let streams: StreamEntry[];
let lines: string[];

beforeEach(() => {
  [streams, lines] = [[], []];
});

afterEach(() => programs.close());

function decode(vhost: string, root = ""): Config {
  const text = `listen 1935; ff_log_dir /dev/null; ${root} vhost v { ${vhost} }`;
  return decodeConfig(text, "x.conf", { include: () => "", environment: {} }).config;
}

function open(config: Config): void {
  const note = (_cid: string, text: string): void => void lines.push(text);
  programs = new Programs({
    config,
    coordinator: {
      observePublishers: (one) => {
        observer = one;
      },
      streams,
    },
    clients: { find: () => undefined },
    environment: { PATH: "/usr/bin:/bin" },
    log: { info: note, warn: note, error: note } as unknown as Logger,
  });
}

function reload(config: Config): void {
  programs.prepare(config).commit();
}

function entryOf(key: string): StreamEntry {
  return { key, publisher: { shard: 0, row: 1 }, ringId: 1 } as unknown as StreamEntry;
}

function begin(key: string): StreamEntry {
  const entry = entryOf(key);
  streams.push(entry);
  observer.began(entry);
  return entry;
}

function runs(count: number): Promise<void> {
  return waitUntil(`${count} run`, () => programs.keeper.running === count, WAIT_MS);
}

const EXEC = "exec { enabled on; publish sleep 600; }";
const folder = makeScratch();
/** It sleeps whatever ffmpeg would be told. */
const SLEEPER = join(folder, "sleeper");
writeFileSync(SLEEPER, "#!/bin/sh\nexec sleep 600\n");
chmodSync(SLEEPER, 0o755);
const INGEST = `ingest i { enabled on; ffmpeg ${SLEEPER}; input { url x; }
  engine { output rtmp://127.0.0.1:[port]/live/in?vhost=[vhost]; } }`;
const TRANSCODE = (output: string): string => `transcode { enabled on; ffmpeg ${SLEEPER};
  engine a { enabled on; vcodec copy; acodec copy; output rtmp://127.0.0.1:[port]/live/${output}?vhost=[vhost]; } }`;

test("streams that were there before programs were asked for have theirs", LIMIT, async () => {
  open(decode(""));
  begin("v/live/a");
  assert.equal(lines.length, 0);
  reload(decode(EXEC));
  await runs(1);
  assert.equal(lines[0], "vhosts run programs: exec in v");
  // Another ring is no news.
  observer.began(entryOf("v/live/a"));
  assert.equal(programs.keeper.counts.get("exec")?.starts, 1);
  reload(decode(""));
  await runs(0);
  assert.ok(lines.includes("no vhost runs programs any more"), lines.join());
});

test("the end of a stream ends its programs, those of others go on", LIMIT, async () => {
  open(decode(EXEC));
  const a = begin("v/live/a");
  begin("v/live/b");
  await runs(2);
  observer.ended(a);
  await runs(1);
  observer.ended(entryOf("v/live/unknown"));
  assert.equal(programs.keeper.running, 1);
});

test("no stream is encoded to itself, to one that is made already, or again", LIMIT, async () => {
  open(decode(TRANSCODE("[stream]")));
  begin("v/live/a");
  assert.match(lines.at(-1) ?? "", /transcode v\/live\/a a: v\/live\/a is published already/);
  reload(decode(TRANSCODE("one")));
  await runs(1);
  begin("v/live/b");
  assert.match(lines.at(-1) ?? "", /transcode v\/live\/b a: v\/live\/one is published already/);
  begin("v/live/one");
  assert.match(lines.at(-1) ?? "", /v\/live\/one: it is made by a program here/);
  assert.equal(programs.keeper.running, 1);
});

test("two blocks with one name are two programs", LIMIT, async () => {
  open(decode(`${TRANSCODE("one")} ${TRANSCODE("two")}`));
  const entry = begin("v/live/a");
  await runs(2);
  observer.ended(entry);
  await runs(0);
});

test("a server that drains feeds nobody any more; the rest goes on", LIMIT, async () => {
  open(decode(`${INGEST} ${EXEC}`));
  begin("v/live/a");
  await runs(2);
  programs.drain();
  await runs(1);
});

test("programs_max is asked of the configuration in force", LIMIT, async () => {
  open(decode(EXEC, "programs_max 1;"));
  begin("v/live/a");
  begin("v/live/b");
  await runs(1);
  assert.equal(programs.keeper.waiting, 1);
  reload(decode(EXEC, "programs_max 2;"));
  await runs(2);
});
