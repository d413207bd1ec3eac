/** A pull opens its stream with the first media: what an origin says before is no stream yet. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RingLease, StreamSettings } from "../../../src/protocol/control/calls.ts";
import { MessageType } from "../../../src/protocol/rtmp/message.ts";
import type { LiveStream } from "../../../src/worker/stream/live-stream.ts";
import { EdgePull } from "../../../src/worker/upstream/edge-pull.ts";

const LEASE: RingLease = { ringId: 1, memory: new SharedArrayBuffer(8) };

function message(type: number, byte: number) {
  return { chunkStreamId: 4, type, streamId: 1, timestamp: 0, payload: Uint8Array.of(byte) };
}

/** A pull that has a ring and no connection; what its stream took. */
async function startPull(): Promise<{ pull: EdgePull; taken: number[]; opened: () => number }> {
  const taken: number[] = [];
  let opened = 0;
  const stream = {
    isFull: false,
    append: ({ payload }: { payload: Uint8Array }) => taken.push(payload[0] ?? -1),
  } as unknown as LiveStream;
  const order = { kind: "pull", pullId: 1, streamId: 1, previous: null } as const;
  const pull = new EdgePull(order, {} as StreamSettings, {
    now: () => 0,
    nextOrigin: () => Promise.resolve({ kind: "wait", ms: 1e6, lease: LEASE }),
    openStream: () => {
      opened += 1;
      return stream;
    },
    closeStream: () => ({ audio: -1, video: -1 }),
    ringReleased: () => undefined,
    works: () => undefined,
    ended: () => undefined,
  });
  await new Promise((resolve) => setImmediate(resolve));
  return { pull, taken, opened: () => opened };
}

test("data alone opens no stream; media bring it along, in order", async () => {
  const { pull, taken, opened } = await startPull();
  const borrowed = message(MessageType.DataAmf0, 1);
  pull.media(borrowed);
  borrowed.payload[0] = 99;
  assert.equal(opened(), 0);
  pull.media(message(MessageType.Video, 2));
  pull.media(message(MessageType.DataAmf0, 3));
  assert.equal(opened(), 1);
  assert.deepEqual(taken, [1, 2, 3]);
  pull.stop();
});

test("without media what is kept is bounded", async () => {
  const { pull, taken } = await startPull();
  for (let count = 0; count < 1000; count += 1) {
    pull.media(message(MessageType.DataAmf0, count));
  }
  pull.media(message(MessageType.Audio, 200));
  assert.ok(taken.length < 20);
  assert.equal(taken.at(-1), 200);
  pull.stop();
});
