/** Many players of one stream at once: all are served, both shards take their share, and who was there loses nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type InProcess, shardOf, startInProcess } from "../main/accept/in-process.ts";
import {
  isRun,
  play,
  playDialogue,
  publish,
  publishDialogue,
  StampedPublisher,
  stampedVideo,
  WireClient,
} from "../main/accept/wire-client.ts";
import { concat } from "../protocol/rtmp/session-harness.ts";
import { waitUntil } from "../support/scratch.ts";

const PLAYERS = 2000;
const SPILL = 100;
const FRAME_MS = 200;

function playersOf(weir: InProcess, name: string): readonly number[] {
  return weir.server.coordinator.find(`__defaultVhost__/live/${name}`)?.players ?? [];
}

test(`D-06 C-37: ${PLAYERS} players join one live stream at once`, {
  timeout: 90_000,
}, async () => {
  const weir = await startInProcess({ workers: 2, directives: `spill_players ${SPILL};` });
  const publisher = new StampedPublisher(await publish(weir.port, "storm"), FRAME_MS);
  const early = await Promise.all(Array.from({ length: 20 }, () => play(weir.port, "storm")));
  await waitUntil("they play", () => early.every((one) => one.media.length > 5), 10_000);
  const startedAt = performance.now();
  const joined = Array.from(
    { length: PLAYERS },
    () => new WireClient(weir.port, playDialogue("storm")),
  );
  await waitUntil("all have media", () => joined.every((one) => one.media.length > 0), 30_000);
  const tookMs = Math.round(performance.now() - startedAt);
  process.stdout.write(`# ${PLAYERS} players had media after ${tookMs} ms\n`);
  const players = playersOf(weir, "storm");
  assert.equal((players[0] ?? 0) + (players[1] ?? 0), PLAYERS + early.length);
  const home = shardOf(weir.server, "storm");
  const [here, there] = [players[home] ?? 0, players[1 - home] ?? 0];
  assert.ok(here >= SPILL, `${here} at home`);
  // From the spill on each goes to the shard with less.
  assert.ok(Math.abs(here - there) <= 2, `${here} at home, ${there} away`);
  const seen = joined.map((one) => one.media.length);
  await waitUntil(
    "all go on",
    () => joined.every((one, index) => one.media.length > (seen[index] ?? 0) + 3),
    20_000,
  );
  for (const one of [...early, ...joined]) {
    assert.equal(one.end, "open");
    assert.ok(isRun(one.sequences), "a frame was lost");
    assert.equal((one.sequences[0] ?? 1) % 10, 0, "it began without a keyframe");
  }
  publisher.close();
  for (const one of [...early, ...joined]) {
    one.destroy();
  }
  await waitUntil("all is gone", () => weir.server.clients.size === 0, 10_000);
  await weir.close();
});

test("players that come before their stream are spread as well", { timeout: 60_000 }, async () => {
  const weir = await startInProcess({ workers: 2, directives: "spill_players 10;" });
  const waiting = await Promise.all(Array.from({ length: 200 }, () => play(weir.port, "later")));
  const [left = 0, right = 0] = playersOf(weir, "later");
  assert.equal(left + right, 200);
  assert.ok(Math.abs(left - right) <= 2, `${left} and ${right}`);
  const publisher = await publish(weir.port, "later");
  publisher.write(stampedVideo(0));
  await waitUntil("all play", () => waiting.every((one) => one.media.length === 1), 10_000);
  publisher.destroy();
  for (const one of waiting) {
    one.destroy();
  }
  await waitUntil("all is gone", () => weir.server.clients.size === 0, 10_000);
  await weir.close();
});

test("a publisher that sends a lot without waiting for any answer loses none of it", {
  timeout: 60_000,
}, async () => {
  const weir = await startInProcess({ workers: 2, directives: "takeover_silence 300;" });
  const frames = 3000;
  const first = await publish(weir.port, "eager");
  const player = await play(weir.port, "eager");
  await delay(500);
  // It waits for the takeover of a silent publisher while its media fill every buffer on the way.
  const media = Array.from({ length: frames }, (_, index) => stampedVideo(index));
  const bytes = concat(publishDialogue("eager"), ...media);
  const second = new WireClient(weir.port, bytes);
  await second.waitStatus("NetStream.Publish.Start");
  await waitUntil(
    "the last frame comes",
    () => player.sequences.at(-1) === frames - 1 || player.end !== "open",
    20_000,
  );
  const place = weir.server.coordinator.find("__defaultVhost__/live/eager")?.publisher;
  const board = weir.server.supervisor.links[place?.shard ?? -1]?.board;
  assert.equal(board?.bytesIn[place?.row ?? -1], bytes.length);
  assert.notEqual(first.end, "open");
  second.destroy();
  player.destroy();
  await waitUntil("all is gone", () => weir.server.clients.size === 0, 10_000);
  await weir.close();
});
