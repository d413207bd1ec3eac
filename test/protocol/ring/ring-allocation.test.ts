import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { formatRing, ringSizeBytes } from "../../../src/protocol/ring/ring-layout.ts";
import { RingReader } from "../../../src/protocol/ring/ring-reader.ts";
import { RingWriter } from "../../../src/protocol/ring/ring-writer.ts";

const WRAP = 256 * 1024;
const TURNS = 5000;
const ROUNDS = 30;
/** Bytes per turn that count as none: what the measurement itself takes, spread over the turns. */
const NOISE_BYTES_PER_TURN = 1;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/**
 * Heap bytes that a turn takes once the code is warm: the least of some rounds, as the compiler allocates now and then.
 * A round takes less than the young generation, so nothing is collected within it.
 */
function bytesPerTurn(turn: () => void): number {
  for (let at = 0; at < 20 * TURNS; at++) {
    turn();
  }
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let at = 0; at < TURNS; at++) {
      turn();
    }
    least = Math.min(least, process.memoryUsage().heapUsed - before);
  }
  return least / TURNS;
}

test("the path of every message and every send allocates nothing", { timeout: 20_000 }, () => {
  const sab = new SharedArrayBuffer(ringSizeBytes(WRAP));
  formatRing(sab, WRAP);
  const writer = new RingWriter(sab, { id: 1, chunkSize: 128 });
  const reader = new RingReader(sab);
  const whole = new Uint8Array(700);
  const parts = new Uint8Array(900);
  const frame = { kind: 1, timestamp: 5, isKeyframe: true };
  const out = { position: 0, timestamp: 0, headerVersion: 0, frame: 0 };
  let seen = 0;
  const turn = (): void => {
    writer.begin(1200);
    writer.put(parts, 3, 15);
    writer.put(whole, 0, 700);
    writer.put(parts, 300, 788);
    writer.commit(frame);
    const cursor = (reader.head - 500) | 0;
    seen += reader.isSafe(cursor) ? 1 : 0;
    seen += reader.wasPassed(cursor) ? 1 : 0;
    seen += reader.messageEnd(cursor) === null ? 1 : 0;
    seen += reader.newestKeyframe(out) ? 1 : 0;
  };
  const bytes = bytesPerTurn(turn);
  assert.ok(bytes < NOISE_BYTES_PER_TURN, `${bytes} bytes a turn`);
  assert.ok(seen > 0);

  const views: Uint8Array[] = [];
  const control = bytesPerTurn(() => {
    views[0] = parts.subarray(1, 5);
  });
  assert.ok(control > NOISE_BYTES_PER_TURN, `a view was measured as ${control} bytes`);
});
