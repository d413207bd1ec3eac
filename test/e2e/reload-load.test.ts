/** C-10, F-79: a hundred reloads of the real command line under two hundred players. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isRun, play, publish, StampedPublisher } from "../main/accept/wire-client.ts";
import { startProcess } from "../support/process.ts";
import { findFreePort, makeScratch, waitUntil } from "../support/scratch.ts";
import { makeWeirConf, WEIR, waitForServer } from "../support/weir.ts";

const RELOADS = 100;
const PLAYERS = 200;
const STREAMS = 2;
const RELOAD_TIMEOUT_MS = 5000;
/** It takes about 20 s; a machine that needs longer than this says nothing about weir. */
const LOAD_MS_MAX = 60_000;

function isOdd(count: number): boolean {
  return count % 2 === 1;
}

/** A configuration that differs from the one before in nearly everything a reload applies. */
function confAt(directory: string, ports: readonly [number, number], count: number): string {
  const [port, extra] = ports;
  const odd = isOdd(count);
  return makeWeirConf(directory, port, {
    workers: 2,
    directives: [
      "auto_reload_for_docker off;",
      `max_connections ${1000 + count};`,
      `spill_players ${odd ? 10 : 100};`,
      `takeover_silence ${2000 + count};`,
      `player_stall ${odd ? 10_000 : 12_000};`,
      `srs_log_level_v2 ${odd ? "info" : "debug"};`,
      odd ? `vhost come-and-go.example { chunk_size ${1000 + count}; }` : "",
    ].join(" "),
    vhost: [
      `chunk_size ${odd ? 60_000 : 4096};`,
      `tcp_nodelay ${odd ? "on" : "off"};`,
      `min_latency ${odd ? "on" : "off"};`,
      `play { gop_cache ${odd ? "on" : "off"}; queue_length ${10 + count}; mw_latency ${odd ? 350 : 100}; }`,
      `publish { normal_timeout ${5000 + count}; }`,
      odd ? "security { enabled on; allow publish all; allow play all; }" : "",
    ].join(" "),
  }).replace(/^listen .*/, (line) => (odd ? line.replace(";", ` 127.0.0.1:${extra};`) : line));
}

test("100 reloads under 200 players drop no session and no frame", {
  timeout: 90_000,
}, async () => {
  const directory = makeScratch();
  const ports = [await findFreePort(), await findFreePort()] as const;
  const file = join(directory, "weir.conf");
  writeFileSync(file, confAt(directory, ports, 0));
  const child = startProcess(WEIR, ["-c", file], { cwd: directory });
  const weir = await waitForServer("weir", child, ports[0]);
  const names = Array.from({ length: STREAMS }, (_, index) => `load${index}`);
  const publishers = await Promise.all(
    names.map(async (name) => new StampedPublisher(await publish(weir.port, name), 40)),
  );
  const players = await Promise.all(
    Array.from({ length: PLAYERS }, (_, index) => play(weir.port, names[index % STREAMS] ?? "")),
  );
  await waitUntil("all play", () => players.every(({ media }) => media.length > 0), 10_000);

  const began = performance.now();
  let reloads = 0;
  for (; reloads < RELOADS && performance.now() - began < LOAD_MS_MAX; reloads += 1) {
    writeFileSync(file, confAt(directory, ports, reloads + 1));
    weir.process.kill("SIGHUP");
    const done = (): boolean => doneIn(weir.log()) > reloads;
    await waitUntil(`reload ${reloads + 1} is done`, done, RELOAD_TIMEOUT_MS);
  }
  const last = Math.max(...publishers.map(({ sequence }) => sequence));
  const isThere = (): boolean =>
    players.every(({ media }) => (media.at(-1)?.sequence ?? 0) >= last);
  await waitUntil("what was published last arrives", isThere, 5000);

  assert.equal(reloads, RELOADS, "the machine is too slow for this test");
  assert.doesNotMatch(weir.log(), /nothing is changed/);
  for (const player of players) {
    assert.equal(player.end, "open");
    assert.equal(player.spoilt, 0);
    assert.ok(isRun(player.sequences), "a frame was lost or doubled");
    assert.ok(player.media.length > 100, `${player.media.length} frames`);
  }
  assert.deepEqual(
    publishers.map(({ client }) => client.end),
    ["open", "open"],
  );
  for (const publisher of publishers) {
    publisher.close();
  }
  assert.equal((await weir.stop()).code, 0);
});

function doneIn(log: string): number {
  return log.match(/SIGHUP: done, \d+ changes/g)?.length ?? 0;
}
