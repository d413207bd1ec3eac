/**
 * What clients say before they publish or play, right and wrong, three times each in one life of the server, beside a
 * publisher and players that must not notice.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { isRun, play, publish, StampedPublisher, WireClient } from "../main/accept/wire-client.ts";
import { waitUntil } from "../support/scratch.ts";
import { type RunningServer, startWeir } from "../support/weir.ts";
import { CONNECT_MS, HANDSHAKE_MS, IDENTIFY_MS, ROWS, type Row, STARTED } from "./lobby-rows.ts";

const REPEATS = 3;
const LOG_BYTES_MAX = 4096;

let weir: RunningServer;
let reference: StampedPublisher;
let players: WireClient[];

before(async () => {
  weir = await startWeir({
    workers: 2,
    directives: [
      `handshake_timeout ${HANDSHAKE_MS};`,
      `connect_timeout ${CONNECT_MS};`,
      `identify_timeout ${IDENTIFY_MS};`,
      "spill_players 1;",
    ].join(" "),
  });
  reference = new StampedPublisher(await publish(weir.port, "reference"));
  players = await Promise.all([1, 2, 3, 4].map(() => play(weir.port, "reference")));
  await waitUntil("all play", () => players.every((one) => one.media.length > 0), 5000);
});

after(() => weir?.stop());

function descriptors(): number {
  return readdirSync(`/proc/${weir.pid}/fd`).length;
}

function threads(): string[] {
  return readdirSync(`/proc/${weir.pid}/task`);
}

/** Of publishers, since the start. */
function sessionsEnded(): number {
  return weir.log().match(/-publish ended: /g)?.length ?? 0;
}

async function send(client: WireClient, parts: readonly Uint8Array[]): Promise<void> {
  for (const part of parts) {
    client.write(part);
    if (parts.length > 1) {
      await delay(30);
    }
  }
}

/** Runs one row once. @throws AssertionError when something else comes of it. */
async function attempt(row: Row): Promise<void> {
  const startedAt = performance.now();
  const client = new WireClient(weir.port);
  await send(client, row.parts);
  if (row.afterwards === "reset") {
    client.reset();
  } else if (row.afterwards === "finish") {
    client.finish();
  }
  const { codes = [], closed } = row;
  if (closed === undefined) {
    await waitUntil(
      `${row.id} ${row.title}: ${codes.join(" ")}, had ${client.statuses.join(" ")}`,
      () => client.statuses.length >= codes.length || client.end !== "open",
      5000,
    );
    await delay(50);
    assert.equal(
      client.end,
      "open",
      `${row.id} ${row.title}: closed, ${client.statuses.join(" ")}`,
    );
  } else {
    const [earliest, latest] = closed;
    await client.waitEnd(latest);
    const tookMs = client.endedAt - startedAt;
    assert.ok(tookMs >= earliest, `${row.id} ${row.title}: closed after ${Math.round(tookMs)} ms`);
  }
  assert.deepEqual(client.statuses, codes, `${row.id} ${row.title}`);
  assert.ok(
    client.bytes <= (row.bytesMax ?? Number.POSITIVE_INFINITY),
    `${client.bytes} bytes came`,
  );
  client.destroy();
}

describe("the lobby", () => {
  for (const [index, row] of ROWS.entries()) {
    const waits = (row.closed?.[0] ?? 0) > 0;
    test(`${row.id}: ${row.title}${waits ? ` (row ${index})` : ""}`, {
      timeout: 30_000,
    }, async () => {
      const logged = weir.log().length;
      if (waits) {
        await Promise.all(Array.from({ length: REPEATS }, () => attempt(row)));
      } else {
        for (let repeat = 0; repeat < REPEATS; repeat += 1) {
          const ended = sessionsEnded();
          await attempt(row);
          if (row.codes?.includes(STARTED) === true) {
            // The name comes free with the connection.
            await waitUntil("the publisher is gone", () => sessionsEnded() > ended, 5000);
          }
        }
      }
      const bytes = weir.log().length - logged;
      assert.ok(bytes <= REPEATS * LOG_BYTES_MAX, `I5: ${bytes} bytes of log`);
    });
  }

  test("I1 I2: nobody else has noticed, and nothing is left", { timeout: 30_000 }, async () => {
    assert.equal(weir.process.isRunning, true);
    assert.doesNotMatch(weir.log(), /shard died|dialogue failed|ERR_LOBBY/);
    assert.ok(threads().length > 2);
    assert.equal(reference.client.end, "open");
    for (const player of players) {
      assert.equal(player.end, "open");
      assert.ok(isRun(player.sequences), "a frame was lost");
      assert.equal(player.spoilt, 0);
      assert.ok(player.media.length > 100);
    }
    // Connections of the last row may still be closing.
    let idle = -1;
    await waitUntil(
      "nothing closes any more",
      async () => {
        const before = descriptors();
        await delay(300);
        idle = descriptors();
        return idle === before;
      },
      10_000,
    );
    const more = await play(weir.port, "reference");
    assert.equal(descriptors(), idle + 1);
    more.destroy();
    await waitUntil("it is gone", () => descriptors() === idle, 5000);
    reference.close();
    for (const player of players) {
      player.destroy();
    }
  });
});
