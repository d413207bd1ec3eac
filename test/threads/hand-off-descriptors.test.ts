/** Each descriptor has one owner and is closed once: counted by the process's own descriptors and their inodes. */
import assert from "node:assert/strict";
import { closeSync, fstatSync, openSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { monotonicMs } from "../../src/main/monotonic.ts";
import type { ShardLink } from "../../src/main/shards/shard-link.ts";
import { Counter, RowState } from "../../src/protocol/control/board.ts";
import {
  type InProcess,
  namesByShard,
  openDescriptors,
  startInProcess,
  waitDescriptors,
} from "../main/accept/in-process.ts";
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

const CYCLES = 5000;
const BATCH = 100;
const ROUNDS = 20;
const PER_ROUND = 25;

let weir: InProcess;

before(async () => {
  const limits = { crashesMax: 1000 };
  weir = await startInProcess({ workers: 2, limits });
});

after(() => weir?.close());

/** Nothing is left of any connection or stream. */
async function waitEmpty(): Promise<void> {
  const { clients, coordinator, lobby, pool } = weir.server;
  const left = (): number[] => [clients.size, coordinator.size, lobby.size, pool.lentCount];
  await waitUntil(`all is gone`, () => left().every((one) => one === 0), 10_000).catch((error) => {
    throw new Error(`${String(error)}: clients, streams, newcomers, rings: ${left().join(" ")}`);
  });
}

/** One connection of a kind, from connect to close. */
async function cycle(index: number): Promise<void> {
  const name = `cycle${index % 50}`;
  const kind = index % 4;
  if (kind === 0) {
    const bytes = concat(publishDialogue(`own${index}`), stampedVideo(0));
    const client = new WireClient(weir.port, bytes);
    await client.waitStatus("NetStream.Publish.Start");
    client.destroy();
  } else if (kind === 1) {
    const client = new WireClient(weir.port, playDialogue(name));
    await client.waitStatus("NetStream.Play.Start");
    client.reset();
  } else if (kind === 2) {
    const client = new WireClient(weir.port, playDialogue(name));
    // Gone before, during or after the hand-off.
    setTimeout(() => client.reset(), index % 8);
    await client.waitEnd(10_000);
  } else {
    const client = new WireClient(weir.port, publishDialogue(`half${index}`));
    client.finish();
    await client.waitEnd(10_000);
  }
}

/** Players and publishers that come, see their start and leave, until told to stop. */
async function churn(names: readonly string[], isOver: () => boolean): Promise<number> {
  let served = 0;
  for (let index = 0; !isOver(); index += 1) {
    const name = names[index % names.length] ?? "";
    const client = index % 2 === 0 ? play(weir.port, name) : publish(weir.port, `${name}_${index}`);
    // A publisher's own name may be at home on the shard that dies.
    await client.then((one) => one.destroy()).catch(() => undefined);
    served += 1;
  }
  return served;
}

/** How long a shard's heart has not beaten. */
function silentMs(link: ShardLink): number {
  return monotonicMs() - (link.board.counters[Counter.Heartbeat] ?? 0);
}

describe("descriptors", () => {
  test(`${CYCLES} connections leave nothing behind`, { timeout: 60_000 }, async () => {
    await cycle(0);
    await cycle(1);
    await waitEmpty();
    const before = openDescriptors();
    for (let at = 0; at < CYCLES; at += BATCH) {
      await Promise.all(Array.from({ length: BATCH }, (_, index) => cycle(at + index)));
    }
    await waitEmpty();
    await waitDescriptors(before, 10_000);
  });

  test("C-08: a shard killed with given and with adopted connections closes each once, and nobody else's", {
    timeout: 90_000,
  }, async () => {
    const { server, port } = weir;
    const [victimName = "", safeName = ""] = namesByShard(server, "kill");
    await waitEmpty();
    const before = openDescriptors();
    const steady = new StampedPublisher(await publish(port, safeName));
    const watchers = await Promise.all([1, 2, 3, 4].map(() => play(port, safeName)));
    let isOver = false;
    const served = churn([safeName], () => isOver);
    for (let round = 0; round < ROUNDS; round += 1) {
      await waitUntil("the shard runs", () => server.supervisor.links[0]?.isAlive === true, 5000);
      const link = server.supervisor.links[0];
      assert.ok(link);
      const deaths = server.supervisor.deaths;
      const isGiven = round % 2 === 0;
      if (isGiven) {
        await link.fault("hang");
        await waitUntil("it hangs", () => silentMs(link) > 200, 5000);
      }
      const known = server.coordinator;
      const victims = Array.from({ length: PER_ROUND }, (_, index) =>
        index % 5 === 0
          ? new WireClient(port, publishDialogue(`${victimName}`))
          : new WireClient(port, playDialogue(victimName)),
      );
      const key = `__defaultVhost__/live/${victimName}`;
      const given = PER_ROUND - Math.ceil(PER_ROUND / 5) + 1;
      await waitUntil(
        "they are handed over",
        () => {
          const entry = known.find(key);
          const players = entry?.players[0] ?? 0;
          const isAll = players + (entry?.publisher?.shard === 0 ? 1 : 0) === given;
          return isAll && (isGiven || !link.board.state.includes(RowState.Given));
        },
        10_000,
      );
      const { state } = link.board;
      const isWaiting = state.some((one) => one === RowState.Given);
      assert.equal(isWaiting, isGiven, "between post and adopt");
      void link.terminate();
      await waitUntil("the death is noticed", () => server.supervisor.deaths > deaths, 5000);
      await Promise.all(victims.map((victim) => victim.waitEnd(5000)));
    }
    isOver = true;
    assert.ok((await served) > ROUNDS, "nobody else was served meanwhile");
    for (const watcher of watchers) {
      assert.equal(watcher.end, "open");
      assert.ok(isRun(watcher.sequences), "a frame was lost on the other shard");
      watcher.destroy();
    }
    assert.equal(steady.client.end, "open");
    steady.close();
    await waitUntil("the shard runs", () => server.supervisor.links[0]?.isAlive === true, 5000);
    await waitEmpty();
    await waitDescriptors(before, 10_000);
  });

  test("a number that names another file by the time of the sweep is left alone", {
    timeout: 30_000,
  }, async () => {
    const { server, port } = weir;
    const [name = ""] = namesByShard(server, "reuse");
    const publishers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => publish(port, `${name}_${index}`)),
    );
    const player = await play(port, name);
    const link = server.supervisor.links[0];
    assert.ok(link);
    const held = [...link.board.descriptor].filter((_, row) => link.board.role[row] === 2);
    const sweep = link.sweep.bind(link);
    const strangers: number[] = [];
    link.sweep = () => {
      // The thread has closed its publishers' sockets: the next files get their numbers.
      strangers.push(...Array.from({ length: 40 }, () => openSync("/dev/null", "r")));
      return sweep();
    };
    void link.terminate();
    await waitUntil("it is swept", () => strangers.length > 0, 5000);
    await player.waitEnd(5000);
    assert.ok(
      strangers.some((descriptor) => held.includes(descriptor)),
      "no number was used again",
    );
    for (const descriptor of strangers) {
      assert.ok(fstatSync(descriptor).isCharacterDevice());
      closeSync(descriptor);
    }
    for (const one of publishers) {
      one.destroy();
    }
    await waitUntil("the shard runs", () => server.supervisor.links[0]?.isAlive === true, 5000);
    await waitEmpty();
  });
});
