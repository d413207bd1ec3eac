/** The log as an operator meets it: whole lines, no secrets, and no say in the fate of the media. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { before, describe, test } from "node:test";
import { playDialogue, publishDialogue, WireClient } from "../main/accept/wire-client.ts";
import { makeClip } from "../support/clips.ts";
import { type Frame, readFlv } from "../support/flv-file.ts";
import { assertMessageRun } from "../support/message-run.ts";
import { startProcess } from "../support/process.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { makeScratch, waitUntil } from "../support/scratch.ts";
import { WEIR, waitForServer } from "../support/weir.ts";
import { makeRun } from "../support/weir-runs.ts";

const LIMIT = { timeout: 40_000 };
/** Time, level, process, connection or part, code from warning on, text. */
const LINE =
  /^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\]\[(TRACE|DEBUG|INFO|WARN|ERROR)\]\[\d+\]\[[\w-]+\](\[\w+\])? \S.*$/;

let frames: Frame[];

before(async () => {
  frames = readFlv(await makeClip(makeScratch(), "clip", { seconds: 2 }));
});

function linesOf(text: string): string[] {
  return text.split("\n").slice(0, -1);
}

describe("srs_log_tank and srs_log_file", { concurrency: 2 }, () => {
  test(
    "file: lines stand in the file, in SRS's form, one connection's under one id",
    LIMIT,
    async () => {
      const run = await makeRun("srs_log_tank file; srs_log_file ./objs/edge.log;");
      const weir = await waitForServer(
        "weir",
        startProcess(WEIR, ["-c", run.file], { cwd: run.folder }),
        run.port,
      );
      const player = await new RtmpPeer(weir.url("logged"), "play").waitReady();
      player.reset();
      const isTold = (): boolean => /rtmp-play ended/.test(run.read("objs/edge.log"));
      await waitUntil("the end is logged", isTold, 3000);
      await weir.stop();
      const lines = linesOf(run.read("objs/edge.log"));
      assert.ok(lines.length > 5);
      for (const line of lines) {
        assert.match(line, LINE);
      }
      const ids = lines
        .filter((line) => line.includes("rtmp-play"))
        .map((line) => line.split("][")[3]?.split("]")[0]);
      assert.equal(ids.length, 2);
      assert.match(ids[0] ?? "", /^[a-z0-9]{8}$/);
      assert.equal(ids[0], ids[1]);
      assert.doesNotMatch(weir.process.stdout, /rtmp-play/);
    },
  );

  test("console: lines stand on standard output, and no file is made", LIMIT, async () => {
    const run = await makeRun("srs_log_tank console; srs_log_file ./objs/edge.log;");
    const weir = await waitForServer(
      "weir",
      startProcess(WEIR, ["-c", run.file], { cwd: run.folder }),
      run.port,
    );
    await new RtmpPeer(weir.url("logged"), "play").waitReady();
    await weir.stop();
    assert.match(weir.process.stdout, /rtmp-play, .*stream=logged/);
    assert.equal(run.read("objs/edge.log"), "");
  });

  for (const [level, hasInfo, hasWarning] of [
    ["srs_log_level trace;", true, true],
    ["srs_log_level_v2 info;", true, true],
    ["srs_log_level warn;", false, true],
    ["srs_log_level error;", false, false],
    ["srs_log_level trace; srs_log_level_v2 error;", false, false],
  ] as const) {
    test(level, LIMIT, async () => {
      // A directive without effect is a warning.
      const run = await makeRun(`srs_log_tank console; ${level} query_latest_version on;`);
      const weir = await waitForServer(
        "weir",
        startProcess(WEIR, ["-c", run.file], { cwd: run.folder }),
        run.port,
      );
      await weir.stop();
      assert.equal(/\[INFO\]/.test(weir.process.stdout), hasInfo);
      assert.equal(/\[WARN\].*query_latest_version/.test(weir.process.stdout), hasWarning);
    });
  }
});

test(
  "an edge's configuration of SRS's users starts unchanged but for its port",
  LIMIT,
  async () => {
    const run = await makeRun("");
    const conf = `
listen              ${run.port};
max_connections     1000;
srs_log_tank        file;
srs_log_file        ./objs/edge.log;
vhost __defaultVhost__ {
    cluster {
        mode        remote;
        origin      192.168.1.100:1935;
    }
}
`;
    writeFileSync(run.file, conf);
    const server = startProcess(WEIR, ["-c", "weir.conf"], { cwd: run.folder });
    const weir = await waitForServer("weir", server, run.port);
    assert.ok(server.isRunning, "it stays in the foreground");
    await weir.stop();
    assert.match(run.read("objs/edge.log"), /max_connections 1000\n/);
    assert.match(server.stdout, /^write log to file \.\/objs\/edge\.log\n$/);
  },
);

describe("what clients send", () => {
  test(
    "A8-02 E-70: no name forges a line or an escape, no secret of a query is written",
    LIMIT,
    async () => {
      const run = await makeRun("srs_log_tank file; srs_log_level_v2 trace;");
      const weir = await waitForServer(
        "weir",
        startProcess(WEIR, ["-c", run.file], { cwd: run.folder }),
        run.port,
      );
      const forged = "x\n[2026-11-23 09:00:00.123][ERROR][1][abc][0] forged\u001b[2J";
      const names = [
        `${forged}?token=CANARY1`,
        "s?secret=CANARY2&a=1",
        "s?txSecret=CANARY3&txTime=5",
        "s?auth_key=CANARY4",
        "s?vhost=none&sign=CANARY5",
      ];
      for (const name of names) {
        for (const mode of ["publish", "play"] as const) {
          const client = new WireClient(
            run.port,
            mode === "play" ? playDialogue(name) : publishDialogue(name),
          );
          await waitUntil("it is answered", () => client.statuses.length > 0, 3000);
          client.destroy();
        }
      }
      await weir.stop();
      const log = run.read("objs/srs.log");
      for (const line of linesOf(log)) {
        assert.match(line, LINE);
      }
      assert.doesNotMatch(log, /CANARY/);
      assert.ok(linesOf(log).length > 10);
    },
  );
});

describe("a log that cannot be written", { concurrency: 2 }, () => {
  for (const file of ["/dev/full", "/proc/none/weir.log"]) {
    test(`E-73: ${file} stops neither start nor media`, LIMIT, async () => {
      const run = await makeRun(`srs_log_tank file; srs_log_file ${file};`);
      const weir = await waitForServer(
        "weir",
        startProcess(WEIR, ["-c", run.file], { cwd: run.folder }),
        run.port,
      );
      const peer = await new RtmpPeer(weir.url("full"), "publish").waitReady();
      const publisher = new ClipPublisher(peer, frames);
      const players = await Promise.all(
        [1, 2, 3].map(() => new RtmpPeer(weir.url("full"), "play").waitReady()),
      );
      // Every refusal is a line: more than the buffer of the log holds.
      for (let round = 0; round < 40; round += 1) {
        const refused = new RtmpPeer(weir.url("full"), "publish");
        await refused.waitEnd(3000);
      }
      await Promise.all(players.map((player) => player.waitFrames(100, 6000)));
      for (const player of players) {
        assertMessageRun(frames, player.received);
      }
      publisher.close();
      assert.equal((await weir.stop()).code, 0);
    });
  }
});
