/** F-77: everything that can be wrong with an origin, while another one works. Times are printed as a table. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { type InProcess, startInProcess } from "../main/accept/in-process.ts";
import { makeClip } from "../support/clips.ts";
import type { FaultProxy } from "../support/fault-proxy.ts";
import { type Frame, readFlv } from "../support/flv-file.ts";
import { FlvOrigin } from "../support/flv-origin.ts";
import { RecordingOrigin } from "../support/recording-origin.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { makeScratch } from "../support/scratch.ts";
import { type FaultCase, type FaultResult, type Ground, runFault } from "./edge-rows.ts";

/** The clip has 25 frames a second, and as many from keyframe to keyframe. */
const FRAME_MS = 40;
const GOP_FRAMES = 25;
/** Each of a process's delays may be met by a thread more than once on its way. */
const LATE_FACTOR = 2;

const STARTS: readonly FaultCase[] = [
  {
    name: "refused",
    fault: "refused",
    when: "start",
    limitMs: 3000,
    connectionsMax: 0,
    lostMax: 3,
  },
  {
    name: "SYN hang",
    fault: "syn hang",
    when: "start",
    limitMs: 4000,
    connectionsMax: 0,
    lostMax: 3,
  },
  {
    name: "accept, then silent",
    fault: "silent",
    when: "start",
    limitMs: 5000,
    connectionsMax: 1,
    lostMax: 3,
  },
  {
    name: "garbage",
    fault: "garbage",
    when: "start",
    limitMs: 3000,
    connectionsMax: 1,
    lostMax: 3,
  },
  {
    name: "redirect loop",
    fault: "redirect loop",
    when: "start",
    limitMs: 3000,
    connectionsMax: 4,
    lostMax: 3,
  },
];
const RUNNING: readonly FaultCase[] = [
  { name: "gone", fault: "refused", when: "running", limitMs: 3000, connectionsMax: 1, lostMax: 3 },
  {
    name: "reset mid-GOP",
    fault: "reset",
    when: "running",
    limitMs: 3000,
    connectionsMax: 1,
    lostMax: 3,
  },
  {
    name: "black hole",
    fault: "hole",
    when: "running",
    limitMs: 6500,
    connectionsMax: 1,
    lostMax: GOP_FRAMES,
  },
  {
    name: "half speed",
    fault: "slow",
    when: "running",
    limitMs: 4000,
    connectionsMax: 1,
    lostMax: 3,
  },
  {
    name: "flap",
    fault: "flap",
    when: "running",
    limitMs: 5000,
    connectionsMax: 4,
    lostMax: GOP_FRAMES,
  },
];

const results: FaultResult[] = [];
let clip: Frame[];
let origins: InProcess[];
let flvOrigins: FlvOrigin[];
let flvPorts: number[];
let recorders: RecordingOrigin[];
let recorderPorts: number[];
/** Origins that never tell what they have read. */
let silent: RecordingOrigin[];
let publishers: ClipPublisher[];

before(async () => {
  clip = readFlv(await makeClip(makeScratch(), "clip", { seconds: 30 }));
  origins = await Promise.all([1, 2].map(() => startInProcess({ workers: 1 })));
  flvOrigins = [new FlvOrigin(clip), new FlvOrigin(clip)];
  flvPorts = await Promise.all(flvOrigins.map((origin) => origin.open()));
  recorders = [new RecordingOrigin(), new RecordingOrigin()];
  recorderPorts = await Promise.all(recorders.map((origin) => origin.open()));
  silent = [new RecordingOrigin(), new RecordingOrigin()];
  for (const origin of silent) {
    origin.signs = "none";
  }
  const peers = await Promise.all(
    origins.map(({ port }) =>
      new RtmpPeer(`rtmp://127.0.0.1:${port}/live/clip`, "publish").waitReady(),
    ),
  );
  publishers = peers.map((peer) => new ClipPublisher(peer, clip));
});

after(async () => {
  for (const publisher of publishers) {
    publisher.close();
  }
  await Promise.all(
    [...origins, ...flvOrigins, ...recorders, ...silent].map((origin) => origin.close()),
  );
  const rows = results.map(({ mode, name, recoveryMs, lateMs, lost, repeated, connections }) =>
    [
      mode.padEnd(13),
      name.padEnd(23),
      `${recoveryMs.toFixed(0).padStart(6)} ms`,
      `machine late ${lateMs.toFixed(0).padStart(5)} ms`,
      `lost ${String(lost).padStart(3)}`,
      `repeated ${String(repeated).padStart(3)}`,
      `connections ${connections.join(" + ")}`,
    ].join("  "),
  );
  process.stdout.write(`# ${rows.join("\n# ")}\n`);
});

function redirectRtmp(proxy: FaultProxy): void {
  proxy.redirectTo(proxy.port);
}

function redirectHttp(proxy: FaultProxy): void {
  proxy.answer = (socket: Socket) => {
    const location = `http://127.0.0.1:${proxy.port}/live/clip.flv`;
    socket.once("data", () =>
      socket.end(`HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`),
    );
  };
}

function groundOf(mode: Ground["mode"]): Ground {
  const isFlv = mode === "play flv";
  const ports = isFlv ? flvPorts : origins.map(({ port }) => port);
  const [first = 0, second = 0] = mode === "publish rtmp" ? recorderPorts : ports;
  return {
    mode,
    origins: [first, second],
    recorders,
    clip,
    cluster: isFlv ? "protocol flv;" : "",
    redirect: isFlv ? redirectHttp : redirectRtmp,
  };
}

/** All cases at once: each has an edge and proxies of its own. */
async function runAll(
  ground: Ground,
  cases: readonly FaultCase[],
): Promise<readonly FaultResult[]> {
  const { mode } = ground;
  const all = await Promise.all(cases.map((one) => runFault(ground, one)));
  results.push(...all);
  for (const [index, result] of all.entries()) {
    const { name, limitMs, connectionsMax, when, lostMax } = cases[index] ?? assert.fail();
    const { log, ...figures } = result;
    const where = `${mode}, ${name}: ${JSON.stringify(figures)}\n${log}`;
    assert.ok(result.recoveryMs <= limitMs + result.lateMs * LATE_FACTOR, where);
    assert.ok(result.connections[0] <= connectionsMax, where);
    assert.ok(result.connections[1] <= Math.max(1, connectionsMax), where);
    if (when === "start") {
      assert.deepEqual([result.lost, result.connections[1]], [0, 1], where);
    } else {
      assert.ok(result.lost <= result.withoutMs / FRAME_MS + lostMax, where);
    }
  }
  return all;
}

describe("with one origin that fails and one that works", { timeout: 180_000 }, () => {
  test("C-15 C-18 C-21: players get media although the preferred origin never worked", async () => {
    await Promise.all([
      runAll(groundOf("play rtmp"), STARTS),
      runAll(groundOf("play flv"), STARTS),
    ]);
  });

  test("C-16 C-17 C-19 C-20: players stay when the origin is lost", async () => {
    await Promise.all([
      runAll(groundOf("play rtmp"), RUNNING),
      runAll(groundOf("play flv"), RUNNING),
    ]);
  });

  test("C-15 C-18 C-21: a publish is accepted although the preferred origin never worked", async () => {
    await runAll(groundOf("publish rtmp"), STARTS);
  });

  describe("C-23: an encoder stays when the origin is lost", { concurrency: 2 }, () => {
    test("and the next one gets the whole of it", async () => {
      const all = await runAll(groundOf("publish rtmp"), RUNNING);
      for (const { name, lost } of all) {
        assert.ok(lost <= 3, `${name}: ${lost} frames lost`);
      }
    });

    test("an origin that never tells what it has read is judged by its kernel", async () => {
      const ports = await Promise.all(silent.map((origin) => origin.open()));
      const [first = 0, second = 0] = ports;
      const ground: Ground = {
        ...groundOf("publish rtmp"),
        origins: [first, second],
        recorders: silent,
        cluster: "origin_stall_timeout 2000;",
      };
      // Both kernels take what they have room for: that, and how long it takes, is not weir's to decide.
      const limitMs = Number.POSITIVE_INFINITY;
      const cases = RUNNING.filter(({ fault }) => fault === "hole" || fault === "reset");
      const named = cases.map((one) => ({ ...one, name: `${one.name}, no signs` }));
      const [reset] = await runAll(
        ground,
        named.map((one) => (one.fault === "hole" ? { ...one, limitMs } : one)),
      );
      assert.ok(reset !== undefined, "no result");
      assert.ok(reset.lost <= 3 + reset.lateMs / FRAME_MS, `${reset.lost} frames lost`);
    });
  });
});
