/** Calls come on another port than hand-offs: who is to be ended may not have been heard of yet. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type InProcess, startInProcess } from "../main/accept/in-process.ts";
import { playDialogue, publishDialogue, WireClient } from "../main/accept/wire-client.ts";
import { waitUntil } from "../support/scratch.ts";

const CLIENTS = 40;
const WAIT_MS = 20_000;

let weir: InProcess;

before(async () => {
  weir = await startInProcess({ workers: 2 });
});

after(() => weir?.close());

describe("who is ended at the moment of the hand-off", { timeout: 60_000 }, () => {
  for (const [kind, dialogue] of [
    ["player", playDialogue],
    ["publisher", publishDialogue],
  ] as const) {
    test(`a ${kind} is ended, and nobody else on its row`, async () => {
      const { clients, supervisor } = weir.server;
      const answers: Promise<boolean | undefined>[] = [];
      const reasons: string[] = [];
      let isEnding = true;
      clients.observe({
        joined: ({ shard, row }) => {
          if (isEnding) {
            answers.push(Promise.resolve(supervisor.links[shard]?.kick(row, "kicked")));
          }
        },
        left: (_client, { reason }) => void reasons.push(reason),
      });
      const open = Array.from(
        { length: CLIENTS },
        (_, at) => new WireClient(weir.port, dialogue(`${kind}${at}`)),
      );
      await waitUntil("all are gone", () => open.every(({ end }) => end !== "open"), WAIT_MS);
      isEnding = false;
      assert.deepEqual(await Promise.all(answers), new Array(CLIENTS).fill(true));
      await waitUntil("the primary knows", () => reasons.length === CLIENTS, WAIT_MS);
      assert.deepEqual(reasons, new Array(CLIENTS).fill("kicked"));
      // The next one on such a row stays.
      const next = new WireClient(weir.port, dialogue(`${kind}-next`));
      await next.waitStatus(kind === "player" ? "NetStream.Play.Start" : "NetStream.Publish.Start");
      assert.equal(clients.size, 1);
      next.destroy();
      await waitUntil("it has left", () => clients.size === 0, WAIT_MS);
    });
  }
});
