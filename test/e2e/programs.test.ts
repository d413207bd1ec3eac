/** Programs that weir runs: exec, ingest and transcode, with a small script and with the real ffmpeg. */
import assert from "node:assert/strict";
import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { makeClip } from "../support/clips.ts";
import { type Frame, readFlv } from "../support/flv-file.ts";
import { startProcess } from "../support/process.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, makeScratch, waitUntil } from "../support/scratch.ts";
import { makeWeirConf, type RunningServer, WEIR, waitForServer } from "../support/weir.ts";
import { isRunning } from "../support/weir-runs.ts";

const LIMIT = { timeout: 120_000 };
const WAIT_MS = 40_000;

/** Tells what it was given and stays, with a child of its own. */
const SPY = `#!/bin/sh
for word; do echo "arg $word"; done
env | sed 's/^/env /'
sleep 600 &
echo "child $!"
echo "pid $$"
wait
`;
const STUBBORN = `#!/bin/sh
trap '' TERM
echo "pid $$"
while :; do sleep 1; done
`;

const directory = makeScratch();
const spy = join(directory, "spy.sh");
const stubborn = join(directory, "stubborn.sh");
const clipFile = join(directory, "clip.flv");
let clip: Frame[];
let port: number;
let weir: RunningServer;

const ENVIRONMENT = [
  "SRS_MAX_CONNECTIONS=500",
  "API_PASSWORD=canary-secret",
  "OPERATORS_OWN=kept",
  "WEIR_CANARY=1",
];

const EXEC = `exec { enabled on;
  publish ${spy} [vhost]/[app]/[stream] [url] '[pageUrl] $(touch pwned)' -n[stream] > out-[stream].txt;
  publish ${spy} [stream] > bare-[stream].txt;
}`;
const ENGINE = "vcodec libx264; vprofile baseline; vpreset ultrafast; vwidth 160; vheight 90;";
const TRANSCODE = `transcode { enabled on; ffmpeg ffmpeg;
  engine ff { enabled on; ${ENGINE} acodec copy;
    output rtmp://127.0.0.1:[port]/[app]?vhost=[vhost]/[stream]_[engine]; }
}`;

function ingest(id: string, options: string): string {
  return `ingest ${id} { enabled on; input { type file; url ${clipFile}; } ffmpeg ffmpeg;
    engine { enabled on; vcodec copy; acodec copy; perfile { ${options} } output rtmp://127.0.0.1:[port]/in/${id}?vhost=[vhost]; } }`;
}

function write(folder: string, own: number, vhosts: string, root = ""): string {
  const file = join(folder, "weir.conf");
  const guarded = "http_api { auth { enabled on; password env:API_PASSWORD; } }";
  const directives = `ff_log_dir ${join(folder, "logs")}; ${guarded} ${root} ${vhosts}`;
  writeFileSync(file, makeWeirConf(folder, own, { directives }));
  return file;
}

function vhostsWith(ingests: string, exec = EXEC): string {
  return [
    `vhost exec.test { ${exec} }`,
    `vhost code.test { ${TRANSCODE} }`,
    `vhost in.test { ${ingests} }`,
  ].join("\n");
}

async function start(folder: string, own: number, file: string): Promise<RunningServer> {
  const child = startProcess("env", [...ENVIRONMENT, WEIR, "-c", file], { cwd: folder });
  return await waitForServer("weir", child, own);
}

function read(name: string, folder = directory): string {
  try {
    return readFileSync(join(folder, name), "utf8");
  } catch {
    return "";
  }
}

/** Waits until a script has told all that it tells. */
async function told(name: string, folder = directory): Promise<Map<string, string[]>> {
  await waitUntil(`${name} is written`, () => /^pid /m.test(read(name, folder)), WAIT_MS);
  const lines = new Map<string, string[]>();
  for (const line of read(name, folder).trim().split("\n")) {
    const [kind = "", ...rest] = line.split(" ");
    lines.set(kind, [...(lines.get(kind) ?? []), rest.join(" ")]);
  }
  return lines;
}

function numberOf(lines: ReadonlyMap<string, readonly string[]>, kind: string): number {
  return Number(lines.get(kind)?.at(-1));
}

function logged(text: RegExp, server = weir): Promise<void> {
  return waitUntil(`${text} is logged`, () => text.test(server.log()), WAIT_MS);
}

function gone(pid: number): Promise<void> {
  return waitUntil(`${pid} has ended`, () => !isRunning(pid), WAIT_MS);
}

async function publish(path: string): Promise<ClipPublisher> {
  const peer = await new RtmpPeer(`rtmp://127.0.0.1:${port}/${path}`, "publish").waitReady(WAIT_MS);
  return new ClipPublisher(peer, clip);
}

async function plays(path: string): Promise<void> {
  const peer = await new RtmpPeer(`rtmp://127.0.0.1:${port}/${path}`, "play").waitReady(WAIT_MS);
  await peer.waitFrames(10, WAIT_MS);
  peer.close();
}

/** Processes whose parent or group is one of these. */
function descendants(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    const [, parent] = /^PPid:\s+(\d+)$/m.exec(read(`${name}/status`, "/proc")) ?? [];
    if (parent !== undefined) {
      parents.set(Number(name), Number(parent));
    }
  }
  const found = [pid];
  for (const one of found) {
    found.push(...[...parents].filter(([, parent]) => parent === one).map(([child]) => child));
  }
  return found.slice(1);
}

before(async () => {
  writeFileSync(spy, SPY);
  writeFileSync(stubborn, STUBBORN);
  chmodSync(spy, 0o755);
  chmodSync(stubborn, 0o755);
  clip = readFlv(await makeClip(directory, "clip", { seconds: 2 }));
  port = await findFreePort();
  weir = await start(
    directory,
    port,
    write(directory, port, vhostsWith(ingest("one", "stream_loop -1;"))),
  );
});

after(() => weir?.stop());

describe("each by itself", { concurrency: true }, () => {
  test("the log says at the start which vhosts run programs", LIMIT, async () => {
    await logged(
      /vhosts run programs: exec in exec\.test; ingest in in\.test; transcode in code\.test/,
    );
  });

  test("ingest publishes a file over and over; its log is in ff_log_dir", LIMIT, async () => {
    await plays("in/one?vhost=in.test");
    assert.match(read("logs/ffmpeg-ingest-in.test-in-one.log"), /Output #0, flv/);
  });

  test("transcode makes a second stream, and none of that one", LIMIT, async () => {
    const publisher = await publish("live/a?vhost=code.test&token=canary-token");
    await plays("live/a_ff?vhost=code.test");
    await logged(
      /code\.test\/live\/a_ff: it is made by a program here, so it is not encoded again/,
    );
    assert.match(read("logs/ffmpeg-encoder-code.test-live-a-ff.log"), /160x90/);
    assert.equal(weir.log().match(/transcode \S+ ff: started/g)?.length, 1);
    const [, pid] = /transcode \S+ ff: started, pid (\d+)/.exec(weir.log()) ?? [];
    publisher.close();
    await gone(Number(pid));
    assert.doesNotMatch(weir.log(), /canary-token/);
  });

  test("exec runs while a stream is published, with its words as they are", LIMIT, async () => {
    const publisher = await publish("live/b?vhost=exec.test&k=1");
    const lines = await told("out-b.txt");
    assert.deepEqual(lines.get("arg"), [
      "exec.test/live/b",
      `rtmp://127.0.0.1:${port}/live/b?k=1&vhost=exec.test`,
      " $(touch pwned)",
      "-nb",
    ]);
    assert.equal(readdirSync(directory).includes("pwned"), false);
    const [pid, child] = [numberOf(lines, "pid"), numberOf(lines, "child")];

    // What it has of the server: nothing but its own three files, no secret, no signal held back.
    const environment = (lines.get("env") ?? []).join("\n");
    assert.match(environment, /^OPERATORS_OWN=kept$/m);
    assert.match(environment, /^PATH=/m);
    assert.doesNotMatch(environment, /canary|^(?:SRS_|WEIR_|NODE_CHANNEL|NODE_OPTIONS)/m);
    assert.deepEqual(readdirSync(`/proc/${child}/fd`).sort(), ["0", "1", "2"]);
    const status = read(`${child}/status`, "/proc");
    assert.match(status, /^SigBlk:\s+0+$/m);
    assert.match(status, /^SigCgt:\s+0+$/m);
    // A shell lets what it runs in the background ignore these two.
    assert.match(status, /^SigIgn:\s+0+[06]$/m);

    publisher.close();
    await Promise.all([gone(pid), gone(child)]);
    await logged(/exec exec\.test\/live\/b 1: ended\b/);
  });

  test("a name that would be an option runs nothing, others do no harm", LIMIT, async () => {
    const publisher = await publish("live/-rf?vhost=exec.test");
    const lines = await told("out--rf.txt");
    assert.equal(lines.get("arg")?.at(-1), "-n-rf");
    await logged(
      /exec exec\.test\/live\/-rf 2: not run: a name makes an option of the argument \[stream\]/,
    );
    assert.equal(read("bare--rf.txt"), "");
    publisher.close();
    await gone(numberOf(lines, "pid"));
  });

  test("a stop ends every program in order, the stubborn one as well", LIMIT, async () => {
    const folder = makeScratch();
    const own = await findFreePort();
    const program = `ffmpeg ${stubborn}; engine { output rtmp://127.0.0.1:[port]/a/b; }`;
    const vhosts = `vhost a.test { ingest s { enabled on; input { url x; } ${program} } }`;
    const other = await start(folder, own, write(folder, own, vhosts));
    const lines = await told("logs/ffmpeg-ingest-a.test-a-b.log", folder);
    const left = descendants(other.pid);
    assert.ok(left.includes(numberOf(lines, "pid")));
    const end = await other.stop();
    assert.deepEqual([end.code, end.signal], [0, null]);
    assert.deepEqual(left.filter(isRunning), []);
  });
});

test(
  "a reload starts what is new and ends what is gone, and leaves the rest alone",
  LIMIT,
  async () => {
    const [, first] = /ingest in\.test\/one: started, pid (\d+)/.exec(weir.log()) ?? [];
    const publisher = await publish("live/c?vhost=exec.test");
    const before = await told("out-c.txt");
    // The second command is gone, and there is one more to publish.
    const exec = EXEC.replace(/ publish \S+ \[stream\] .*/, "");
    const two = `${ingest("one", "stream_loop -1;")} ${ingest("two", "stream_loop -1;")}`;
    write(directory, port, vhostsWith(two, exec));
    weir.process.kill("SIGHUP");
    await plays("in/two?vhost=in.test");
    assert.ok(isRunning(Number(first)));
    assert.ok(isRunning(numberOf(before, "pid")));
    await gone(numberOf(await told("bare-c.txt"), "pid"));
    // One is changed, the other one removed.
    write(directory, port, vhostsWith(ingest("one", "stream_loop 5;"), exec));
    weir.process.kill("SIGHUP");
    const started = (): number => weir.log().match(/ingest in\.test\/one: started/g)?.length ?? 0;
    await waitUntil("it is started anew", () => started() === 2, WAIT_MS);
    assert.equal(isRunning(Number(first)), false);
    await logged(/ingest in\.test\/two: ended\b/);
    // No exec any more: that of a stream that is still published ends.
    write(directory, port, vhostsWith(ingest("one", "stream_loop 5;"), ""));
    weir.process.kill("SIGHUP");
    await gone(numberOf(before, "pid"));
    publisher.close();
  },
);

test("killed, weir takes its programs with it", LIMIT, async () => {
  await waitUntil("ffmpeg runs", () => descendants(weir.pid).length > 1, WAIT_MS);
  const left = descendants(weir.pid);
  weir.process.kill("SIGKILL");
  await Promise.all(left.map(gone));
});
