import assert from "node:assert/strict";
import { test } from "node:test";
import { ChunkDecoder } from "../../../src/protocol/rtmp/chunk-decoder.ts";
import type { Message } from "../../../src/protocol/rtmp/message.ts";
import { chunk, collect, concat, filled, hex, type Seen } from "./chunk-wire.ts";

/** Every cut into two pieces, also with the state packed or carried over in between, and byte by byte must agree. */
function collectAllCuts(wire: Uint8Array): Seen[] {
  const expected = collect(new ChunkDecoder(), wire);
  const single = Array.from(wire, (byte) => Uint8Array.of(byte));
  assert.deepEqual(collect(new ChunkDecoder(), ...single), expected);
  for (let cut = 1; cut < wire.length; cut++) {
    for (const carry of [same, packed, copied]) {
      const decoder = new ChunkDecoder();
      const events = collect(decoder, wire.subarray(0, cut));
      events.push(...collect(carry(decoder), wire.subarray(cut)));
      assert.deepEqual(events, expected, `cut at ${cut}, ${carry.name}`);
    }
  }
  return expected;
}

function same(decoder: ChunkDecoder): ChunkDecoder {
  return decoder;
}

function packed(decoder: ChunkDecoder): ChunkDecoder {
  const row = new Uint8Array(1024);
  const other = new ChunkDecoder();
  other.load(row.subarray(0, decoder.save(row)));
  return other;
}

function copied(decoder: ChunkDecoder): ChunkDecoder {
  return ChunkDecoder.restore(structuredClone(decoder.snapshot()));
}

const payload = filled(300, 5);
const third = [
  payload.subarray(0, 128),
  payload.subarray(128, 256),
  payload.subarray(256),
] as const;

for (const time of [
  0xff_ff_fe, 0xff_ff_ff, 0x1_00_00_00, 0x7f_ff_ff_ff, 0x80_00_00_00, 0xff_ff_ff_ff,
]) {
  test(`RTMP 1.0 §5.3.1.3, A7-01, F-33: time ${time} with the field repeated on format 3`, () => {
    const extended = time >= 0xff_ff_ff ? { extended: time } : {};
    const wire = concat(
      chunk({ fmt: 0, csid: 6, time, type: 9, length: 300, sid: 1, payload: third[0] }),
      chunk({ fmt: 3, csid: 6, ...extended, payload: third[1] }),
      chunk({ fmt: 3, csid: 6, ...extended, payload: third[2] }),
      chunk({ fmt: 1, csid: 6, time: 40, type: 9, length: 1, payload: [9] }),
    );
    assert.deepEqual(
      collectAllCuts(wire).map((event) => [event.time, event.payload]),
      [
        [time, hex(payload)],
        [(time + 40) % 2 ** 32, "09"],
      ],
    );
  });

  test(`A7-02: time ${time} with the field left out on format 3`, () => {
    const wire = concat(
      chunk({ fmt: 0, csid: 6, time, type: 9, length: 300, sid: 1, payload: third[0] }),
      chunk({ fmt: 3, csid: 6, payload: third[1] }),
      chunk({ fmt: 3, csid: 6, payload: third[2] }),
      chunk({ fmt: 0, csid: 6, time, type: 9, length: 300, sid: 1, payload: third[0] }),
      chunk({ fmt: 3, csid: 6, payload: third[1] }),
      chunk({ fmt: 3, csid: 6, payload: third[2] }),
    );
    assert.deepEqual(
      collectAllCuts(wire).map((event) => [event.time, event.payload]),
      [
        [time, hex(payload)],
        [time, hex(payload)],
      ],
    );
  });
}

test("A7-02: what was learned is remembered even when payload looks like the time", () => {
  const time = 0x01_02_03_04;
  const alike = Uint8Array.from({ length: 300 }, (_, index) => [1, 2, 3, 4][index % 4] ?? 0);
  const omitting = concat(
    chunk({ fmt: 0, csid: 6, time, type: 9, length: 300, payload: third[0] }),
    chunk({ fmt: 3, csid: 6, payload: third[1] }),
    chunk({ fmt: 3, csid: 6, payload: third[2] }),
    chunk({ fmt: 0, csid: 6, time, type: 9, length: 300, payload: alike.subarray(0, 128) }),
    chunk({ fmt: 3, csid: 6, payload: alike.subarray(128, 256) }),
    chunk({ fmt: 3, csid: 6, payload: alike.subarray(256) }),
  );
  assert.deepEqual(
    collectAllCuts(omitting).map((event) => event.payload),
    [hex(payload), hex(alike)],
  );
  const repeating = concat(
    chunk({ fmt: 0, csid: 6, time, type: 9, length: 200, payload: alike.subarray(0, 128) }),
    chunk({ fmt: 3, csid: 6, extended: time, payload: alike.subarray(128, 200) }),
  );
  assert.deepEqual(
    collectAllCuts(repeating).map((event) => event.payload),
    [hex(alike.subarray(0, 200))],
  );
});

test("B-10: once a peer is known to repeat the field, another value there is a field all the same", () => {
  const time = 0x01_02_03_04;
  const wire = concat(
    chunk({ fmt: 0, csid: 6, time, type: 9, length: 300, payload: third[0] }),
    chunk({ fmt: 3, csid: 6, extended: time, payload: third[1] }),
    chunk({ fmt: 3, csid: 6, extended: 0xde_ad_be_ef, payload: third[2] }),
  );
  assert.deepEqual(
    collectAllCuts(wire).map((event) => [event.time, event.payload]),
    [[time, hex(payload)]],
  );
});

test("A7-02: a payload shorter than the field, alike to its first bytes, is not lost", () => {
  const time = 0x01_01_01_09;
  for (const tail of [1, 2, 3]) {
    const body = new Uint8Array(128 + tail).fill(1);
    const wire = concat(
      chunk({
        fmt: 0,
        csid: 6,
        time,
        type: 9,
        length: body.length,
        payload: body.subarray(0, 128),
      }),
      chunk({ fmt: 3, csid: 6, payload: body.subarray(128) }),
      chunk({ fmt: 0, csid: 5, time: 7, type: 8, length: 0 }),
      chunk({ fmt: 3, csid: 5 }),
      chunk({ fmt: 0, csid: 6, time: 1, type: 9, length: 2, payload: [8, 8] }),
    );
    assert.deepEqual(
      collectAllCuts(wire).map((event) => [event.csid, event.time, event.payload]),
      [
        [6, time, hex(body)],
        [5, 7, ""],
        [5, 14, ""],
        [6, 1, "0808"],
      ],
    );
  }
});

test("A7-02: a sink that stops inside held-back bytes loses none of them", () => {
  const body = new Uint8Array(129).fill(5);
  // Behind the last payload byte, three empty messages on chunk stream 5 begin with 0xc5: not the time's bytes.
  const time = 0x05_c5_c5_09;
  const wire = concat(
    chunk({ fmt: 0, csid: 5, time: 3, type: 8, length: 0 }),
    chunk({ fmt: 0, csid: 6, time, type: 9, length: 129, payload: body.subarray(0, 128) }),
    chunk({ fmt: 3, csid: 6, payload: [5] }),
    chunk({ fmt: 3, csid: 5 }),
    chunk({ fmt: 3, csid: 5 }),
    chunk({ fmt: 3, csid: 5 }),
  );
  const events: string[] = [];
  const decoder = new ChunkDecoder();
  const sink = {
    message: (message: Message): boolean => {
      events.push(`${message.chunkStreamId}:${message.timestamp}`);
      return false;
    },
  };
  for (const byte of wire) {
    const used = decoder.push(Uint8Array.of(byte), sink);
    for (let turn = 0; used === 0 && turn < 9; turn++) {
      if (decoder.push(Uint8Array.of(byte), sink) === 1) {
        break;
      }
    }
  }
  while (decoder.snapshot().replay.length > 0) {
    decoder.push(new Uint8Array(0), sink);
  }
  assert.deepEqual(events, ["5:3", `6:${time}`, "5:6", "5:9", "5:12"]);
  assert.equal(decoder.bytesReceived, wire.length);
});

test("A7-03: an extended field on formats 1 and 2 is a delta", () => {
  const wire = concat(
    chunk({ fmt: 0, csid: 6, time: 1000, type: 9, length: 1, payload: [1] }),
    chunk({ fmt: 1, csid: 6, time: 0x1_00_00_00, type: 9, length: 1, payload: [1] }),
    chunk({ fmt: 2, csid: 6, time: 0x80_00_00_00, payload: [1] }),
    chunk({ fmt: 3, csid: 6, extended: 0x80_00_00_00, payload: [1] }),
  );
  const second = 1000 + 0x1_00_00_00;
  assert.deepEqual(
    collectAllCuts(wire).map((event) => event.time),
    [1000, second, second + 0x80_00_00_00, second],
  );
});

test("A7-03: a delta beyond 2^31 is an absolute time", () => {
  const wire = concat(
    chunk({ fmt: 0, csid: 6, time: 0x90_00_00_00, type: 9, length: 1, payload: [1] }),
    chunk({ fmt: 2, csid: 6, time: 0x90_00_00_28, payload: [1] }),
  );
  assert.deepEqual(
    collectAllCuts(wire).map((event) => event.time),
    [0x90_00_00_00, 0x90_00_00_28],
  );
});

test("A7-01: an extended delta is repeated on the continuations as such, or as the message's time", () => {
  for (const repeated of [0x1_00_00_00, 0x1_00_00_00 + 1000]) {
    const wire = concat(
      chunk({ fmt: 0, csid: 6, time: 1000, type: 9, length: 1, payload: [1] }),
      chunk({ fmt: 1, csid: 6, time: 0x1_00_00_00, type: 9, length: 300, payload: third[0] }),
      chunk({ fmt: 3, csid: 6, extended: repeated, payload: third[1] }),
      chunk({ fmt: 3, csid: 6, extended: repeated, payload: third[2] }),
    );
    assert.equal(collectAllCuts(wire)[1]?.payload, hex(payload));
  }
});

test("A2-20: a format 3 that starts a message after an extended format 0 carries the time again", () => {
  const time = 0x2_00_00_00;
  const wire = concat(
    chunk({ fmt: 0, csid: 6, time, type: 8, length: 1, payload: [1] }),
    chunk({ fmt: 3, csid: 6, extended: time, payload: [2] }),
    chunk({ fmt: 3, csid: 6, extended: time + 23, payload: [3] }),
  );
  assert.deepEqual(
    collectAllCuts(wire).map((event) => [event.time, event.payload]),
    [
      [time, "01"],
      [time, "02"],
      [time + 23, "03"],
    ],
  );
});
