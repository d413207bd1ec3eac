import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ChunkDecoder } from "../../../src/protocol/rtmp/chunk-decoder.ts";
import type { Message } from "../../../src/protocol/rtmp/message.ts";
import { cut, type Script, Sender, scripts } from "./chunk-sender.ts";
import {
  bigEndian,
  chunk,
  collect,
  concat,
  control,
  filled,
  type Seen,
  seen,
} from "./chunk-wire.ts";

const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 700 })), {
  minLength: 1,
  maxLength: 8,
});
const options = { timeout: 20_000 };
const runs = { numRuns: 300, seed: 2026 };

test("whatever a legal sender writes, in any cut, arrives as it was sent", options, () => {
  fc.assert(
    fc.property(scripts, sizes, (script, pieces) => {
      const sender = new Sender(script);
      const wire = sender.wire;
      const decoder = new ChunkDecoder({ identified: true });
      assert.deepEqual(collect(decoder, ...cut(wire, pieces)), sender.expected);
      assert.equal(decoder.bytesReceived, wire.length);
    }),
    runs,
  );
});

test("A2-21: one byte at a time gives the same events as one piece", options, () => {
  fc.assert(
    fc.property(scripts, (script) => {
      const sender = new Sender(script);
      const wire = sender.wire;
      assert.deepEqual(collect(new ChunkDecoder(), wire), sender.expected);
      assert.deepEqual(collect(new ChunkDecoder(), ...cut(wire, [1])), sender.expected);
    }),
    runs,
  );
});

test("a snapshot and a packed state at any byte lose nothing", options, () => {
  fc.assert(
    fc.property(scripts, sizes, fc.infiniteStream(fc.nat(2)), (script, pieces, choices) => {
      const sender = new Sender(script);
      let decoder = new ChunkDecoder({ identified: true });
      const row = new Uint8Array(32 * 1024);
      const events: Seen[] = [];
      for (const piece of cut(sender.wire, pieces)) {
        const choice = choices.next().value;
        if (choice === 1) {
          decoder = ChunkDecoder.restore(structuredClone(decoder.snapshot()));
        } else if (choice === 2) {
          const used = decoder.save(row);
          assert.ok(used > 0);
          decoder = new ChunkDecoder();
          decoder.load(row.slice(0, used));
        }
        events.push(...collect(decoder, piece));
      }
      assert.deepEqual(events, sender.expected);
      assert.equal(decoder.bytesReceived, sender.wire.length);
    }),
    runs,
  );
});

test("one decoder loaded and saved in turn serves many connections", options, () => {
  fc.assert(
    fc.property(fc.array(scripts, { minLength: 2, maxLength: 4 }), sizes, (list, pieces) => {
      const decoder = new ChunkDecoder();
      const connections = list.map((script) => {
        const sender = new Sender({ ...script, messages: script.messages.filter(isSmall) });
        return {
          sender,
          rest: cut(sender.wire, pieces),
          row: new Uint8Array(4096),
          events: [] as Seen[],
        };
      });
      while (connections.some(({ rest }) => rest.length > 0)) {
        for (const { rest, row, events } of connections) {
          decoder.load(row);
          events.push(...collect(decoder, rest.shift() ?? new Uint8Array(0)));
          assert.ok(decoder.save(row) > 0);
        }
      }
      for (const { sender, events } of connections) {
        assert.deepEqual(events, sender.expected);
      }
    }),
    { ...runs, numRuns: 100 },
  );
});

function isSmall(message: Script["messages"][number]): boolean {
  return message.size < 300;
}

test(
  "a sink that stops at every message gets each once, and push consumes all but the rest",
  options,
  () => {
    fc.assert(
      fc.property(scripts, sizes, (script, pieces) => {
        const sender = new Sender(script);
        const decoder = new ChunkDecoder();
        const events: Seen[] = [];
        const sink = { message: (message: Message): boolean => events.push(seen(message)) < 0 };
        for (const piece of [...cut(sender.wire, pieces), new Uint8Array(0)]) {
          let rest = piece;
          let turns = 0;
          do {
            const count = events.length;
            rest = rest.subarray(decoder.push(rest, sink));
            assert.ok(events.length <= count + 1);
            turns++;
          } while ((rest.length > 0 || decoder.snapshot().replay.length > 0) && turns < 10_000);
        }
        assert.deepEqual(events, sender.expected);
        assert.equal(decoder.bytesReceived, sender.wire.length);
      }),
      runs,
    );
  },
);

test("the packed state of a player's connection fits 256 bytes, and one that does not fit says so", () => {
  const decoder = new ChunkDecoder({ identified: true });
  const streams = [2, 3, 4, 5, 6, 8].map((csid) =>
    chunk({ fmt: 0, csid, time: 0xff_ff_ff_f0, length: 4, type: 3, sid: 1, payload: [1, 2, 3, 4] }),
  );
  const half = chunk({ fmt: 0, csid: 8, time: 7, type: 20, length: 60, payload: filled(59) });
  collect(decoder, control(1, bigEndian(0xff_ff_ff, 4)), concat(...streams), half);
  decoder.bytesReceived = 2 ** 40 + 17;
  const row = new Uint8Array(256);
  const used = decoder.save(row);
  assert.ok(used > 0 && used <= 256, `${used} bytes`);
  for (let size = 0; size < used; size++) {
    assert.equal(decoder.save(new Uint8Array(size)), -1);
  }
  const other = new ChunkDecoder();
  other.load(row);
  assert.deepEqual(other.snapshot(), decoder.snapshot());
  assert.equal(other.bytesReceived, 2 ** 40 + 17);
  assert.equal(other.identified, true);
  other.load(new Uint8Array(256));
  assert.deepEqual(other.snapshot(), new ChunkDecoder().snapshot());
});
