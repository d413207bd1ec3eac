/** A3-18: whoever plays hears an answer to its ping at once, while media goes out. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { pingRequest, play, publish, StampedPublisher } from "../main/accept/wire-client.ts";
import type { RunningServer } from "../support/weir.ts";
import { startWeir } from "../support/weir.ts";

const PONG_MS_MAX = 50;
const PINGS = 40;

let weir: RunningServer;

before(async () => {
  weir = await startWeir({ workers: 1 });
});

after(() => weir?.stop());

test("a ping is answered within 50 ms", { timeout: 20_000 }, async () => {
  const publisher = new StampedPublisher(await publish(weir.port, "ping"));
  const player = await play(weir.port, "ping");
  const waits: number[] = [];
  for (let ping = 0; ping < PINGS; ping += 1) {
    const since = performance.now();
    player.write(pingRequest(ping));
    while (player.pongs.at(-1) !== ping && performance.now() - since < 2000) {
      await delay(1);
    }
    waits.push(performance.now() - since);
    await delay(17);
  }
  // Half of them: a busy host delays some, a server that waits for something delays them all.
  const median = waits.sort((a, b) => a - b)[PINGS / 2] ?? 0;
  assert.ok(median < PONG_MS_MAX, `${median} ms`);
  assert.equal(player.spoilt, 0);
  assert.ok(player.media.length > 0);
  player.destroy();
  publisher.close();
});
