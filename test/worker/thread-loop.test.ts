/** A thread works when it is rung and at ticks, and goes over to new settings between two turns. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Board, boardBytes, Counter } from "../../src/protocol/control/board.ts";
import type { FromShard } from "../../src/protocol/control/calls.ts";
import { VersionWord } from "../../src/protocol/control/version-word.ts";
import { Doorbell } from "../../src/protocol/ring/doorbell.ts";
import { ThreadLoop } from "../../src/worker/thread-loop.ts";
import { waitUntil } from "../support/scratch.ts";
import { settings } from "./settings.ts";

const THREAD = 1;

/** A loop whose calls are counted. */
class Rig {
  readonly calls = new Map<string, number>();
  readonly posted: FromShard[] = [];
  readonly changed: number[] = [];
  readonly board = new Board(new SharedArrayBuffer(boardBytes(4)));
  readonly bell = new Doorbell(new SharedArrayBuffer(Doorbell.bytes(2)));
  readonly memory = VersionWord.memory();
  readonly loop: ThreadLoop;
  isServing = false;
  isHurried = true;
  /** Called by each look at the rings. */
  onAdvance: () => void = () => undefined;

  constructor() {
    const { board, bell, memory, changed, posted } = this;
    const isHurried = (): boolean => this.isHurried;
    this.loop = new ThreadLoop({
      start: { thread: THREAD, version: memory },
      board,
      bell,
      streams: {
        get isHurried() {
          return isHurried();
        },
        advance: () => {
          this.#count("advance");
          this.onAdvance();
        },
        tick: () => this.#count("tick"),
        tickSlow: () => {
          this.#count("tickSlow");
          return 7;
        },
      },
      work: {
        isServing: () => this.isServing,
        poll: () => this.#count("poll"),
        judge: () => this.#count("judge"),
        tickTenth: () => {
          board.counters[Counter.Players] = 3;
        },
        tickSlow: () => this.#count("work.tickSlow"),
        change: (change) => changed.push(change.streamId),
      },
      post: (message) => posted.push(message),
    });
  }

  times(name: string): number {
    return this.calls.get(name) ?? 0;
  }

  #count(name: string): void {
    this.calls.set(name, this.times(name) + 1);
  }
}

let opened: Rig | undefined;

function open(): Rig {
  opened = new Rig();
  return opened;
}

afterEach(() => opened?.loop.stop());

test("each ring of the bell is a look at the rings, and none is lost", {
  timeout: 15_000,
}, async () => {
  const rig = open();
  rig.loop.run();
  assert.equal(rig.times("advance"), 1);
  let ringsWithin = 0;
  rig.onAdvance = () => {
    if (ringsWithin > 0) {
      ringsWithin -= 1;
      rig.bell.ring(THREAD);
    }
  };
  // By the bell's time limit alone all this would take more than half a minute.
  for (let round = 0; round < 20; round += 1) {
    const seen = rig.times("advance");
    // Rung again while it looks.
    ringsWithin = 1;
    rig.bell.ring(THREAD);
    await waitUntil("it looked twice", () => rig.times("advance") >= seen + 2, 5000);
  }
});

test("ticks serve what has no event and keep the board", { timeout: 10_000 }, async () => {
  const rig = open();
  rig.loop.run();
  await waitUntil("it ticked", () => rig.times("tick") > 3 && rig.times("judge") > 1, 5000);
  assert.equal(rig.times("poll"), rig.times("tick"));
  assert.equal(rig.times("tickSlow"), rig.times("work.tickSlow"));
  assert.ok(rig.times("tickSlow") >= 1);
  assert.equal(rig.board.counters[Counter.Skips], 7);
  assert.equal(rig.board.counters[Counter.Players], 3);
  assert.ok((rig.board.counters[Counter.Heartbeat] ?? 0) > 0);
});

test("while nobody is in a hurry the bell wakes nobody, and its ticks look at the rings", {
  timeout: 10_000,
}, async () => {
  const rig = open();
  rig.isServing = true;
  rig.isHurried = false;
  rig.loop.run();
  let notified = 0;
  const listen = async (): Promise<void> => {
    await rig.bell.wait(THREAD, rig.bell.value(THREAD));
    notified += 1;
  };
  void listen();
  await waitUntil("it dozes", () => rig.times("judge") > 1, 5000);
  for (let round = 0; round < 10; round += 1) {
    const seen = rig.times("advance");
    rig.bell.ring(THREAD);
    await waitUntil("a tick looked", () => rig.times("advance") > seen, 5000);
  }
  assert.equal(notified, 0);

  rig.isHurried = true;
  const ticks = rig.times("judge");
  await waitUntil("it no longer dozes", () => rig.times("judge") > ticks + 1, 5000);
  rig.bell.ring(THREAD);
  await waitUntil("the bell woke who waits", () => notified === 1, 5000);
});

test("a thread that takes the place of one that died dozing is woken", {
  timeout: 10_000,
}, async () => {
  const rig = open();
  rig.bell.doze(THREAD, true);
  rig.loop.run();
  const seen = rig.times("advance");
  rig.bell.ring(THREAD);
  // By the bell's time limit it would take a second.
  const began = performance.now();
  await waitUntil("it looked", () => rig.times("advance") > seen, 5000);
  assert.ok(performance.now() - began < 900);
});

test("nothing runs after its end", { timeout: 10_000 }, async () => {
  const rig = open();
  rig.loop.run();
  rig.loop.stop();
  await delay(20);
  const before = [rig.times("tick"), rig.times("advance")];
  rig.bell.ring(THREAD);
  await delay(150);
  assert.deepEqual([rig.times("tick"), rig.times("advance")], before);
});

test("what a reload changes waits for its version, and is in force for the next turn", {
  timeout: 10_000,
}, () => {
  const rig = open();
  rig.loop.take({ kind: "settings", version: 1, changes: [{ streamId: 5, settings }] });
  assert.deepEqual(rig.posted, [{ kind: "settings-accepted", version: 1 }]);
  rig.loop.turns.begin();
  assert.deepEqual(rig.changed, []);
  new VersionWord(rig.memory).set(1);
  assert.deepEqual(rig.changed, []);
  rig.loop.turns.begin();
  rig.loop.turns.begin();
  assert.deepEqual(rig.changed, [5]);
});
