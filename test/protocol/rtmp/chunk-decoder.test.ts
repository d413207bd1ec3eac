import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtocolError } from "../../../src/protocol/errors.ts";
import { ChunkDecoder } from "../../../src/protocol/rtmp/chunk-decoder.ts";
import {
  bigEndian,
  chunk,
  collect,
  concat,
  control,
  filled,
  hex,
  throwsCode,
} from "./chunk-wire.ts";

test("F-31 RecvMessage: a format-0 chunk is one message", () => {
  const payload = filled(4);
  const wire = chunk({
    fmt: 0,
    csid: 3,
    time: 0x01_02_03,
    length: 4,
    type: 20,
    sid: 0x04_03_02_01,
    payload,
  });
  assert.equal(hex(wire), `03010203000004140102030401${hex(payload).slice(2)}`);
  assert.deepEqual(collect(new ChunkDecoder(), wire), [
    { csid: 3, type: 20, sid: 0x04_03_02_01, time: 0x01_02_03, payload: hex(payload) },
  ]);
});

test("A2-24: a message stream id keeps all its 32 bits", () => {
  const wire = chunk({ fmt: 0, csid: 3, type: 9, sid: 0xff_ff_ff_ff });
  assert.equal(collect(new ChunkDecoder(), wire)[0]?.sid, 0xff_ff_ff_ff);
});

test("F-31 RecvVMessage2Trunk: a message of 300 bytes in three chunks of 128", () => {
  const payload = filled(300);
  const wire = concat(
    chunk({
      fmt: 0,
      csid: 6,
      time: 40,
      length: 300,
      type: 9,
      sid: 1,
      payload: payload.subarray(0, 128),
    }),
    chunk({ fmt: 3, csid: 6, payload: payload.subarray(128, 256) }),
    chunk({ fmt: 3, csid: 6, payload: payload.subarray(256) }),
  );
  assert.deepEqual(collect(new ChunkDecoder(), wire), [
    { csid: 6, type: 9, sid: 1, time: 40, payload: hex(payload) },
  ]);
});

test("F-31 VAFmt1/2/3: headers are inherited per chunk stream while audio and video interleave", () => {
  const wire = concat(
    chunk({ fmt: 0, csid: 6, time: 100, length: 2, type: 9, sid: 1, payload: [1, 1] }),
    chunk({ fmt: 0, csid: 7, time: 90, length: 1, type: 8, sid: 2, payload: [2] }),
    chunk({ fmt: 1, csid: 6, time: 40, length: 3, type: 9, payload: [3, 3, 3] }),
    chunk({ fmt: 2, csid: 7, time: 23, payload: [4] }),
    chunk({ fmt: 2, csid: 6, time: 41, payload: [5, 5, 5] }),
    chunk({ fmt: 3, csid: 7, payload: [6] }),
    chunk({ fmt: 3, csid: 6, payload: [7, 7, 7] }),
  );
  assert.deepEqual(
    collect(new ChunkDecoder(), wire).map(({ csid, type, sid, time, payload }) => [
      csid,
      type,
      sid,
      time,
      payload,
    ]),
    [
      [6, 9, 1, 100, "0101"],
      [7, 8, 2, 90, "02"],
      [6, 9, 1, 140, "030303"],
      [7, 8, 2, 113, "04"],
      [6, 9, 1, 181, "050505"],
      [7, 8, 2, 136, "06"],
      [6, 9, 1, 222, "070707"],
    ],
  );
});

test("A2-14: messages that interleave chunk by chunk arrive whole, in the order they end", () => {
  const video = filled(400, 3);
  const audio = filled(300, 9);
  const wire = concat(
    chunk({
      fmt: 0,
      csid: 6,
      time: 1,
      length: 400,
      type: 9,
      sid: 1,
      payload: video.subarray(0, 128),
    }),
    chunk({
      fmt: 0,
      csid: 4,
      time: 2,
      length: 300,
      type: 8,
      sid: 1,
      payload: audio.subarray(0, 128),
    }),
    chunk({ fmt: 3, csid: 6, payload: video.subarray(128, 256) }),
    chunk({ fmt: 3, csid: 4, payload: audio.subarray(128, 256) }),
    chunk({ fmt: 3, csid: 6, payload: video.subarray(256, 384) }),
    chunk({ fmt: 3, csid: 4, payload: audio.subarray(256) }),
    chunk({ fmt: 3, csid: 6, payload: video.subarray(384) }),
  );
  assert.deepEqual(
    collect(new ChunkDecoder(), wire).map((event) => [event.csid, event.payload]),
    [
      [4, hex(audio)],
      [6, hex(video)],
    ],
  );
});

for (const fmt of [2, 3] as const) {
  test(`A2-0${fmt === 3 ? 1 : 2}: a chunk stream that begins with format ${fmt} is refused`, () => {
    throwsCode(() => collect(new ChunkDecoder(), chunk({ fmt, csid: 70 })), "ERR_RTMP_CHUNK_START");
  });
}

test("A2-03, B-05: librtmp's ping begins its chunk stream with format 1", () => {
  const wire = Uint8Array.from([0x42, 0, 0, 5, 0, 0, 6, 4, 0, 7, 1, 2, 3, 4]);
  assert.deepEqual(collect(new ChunkDecoder(), wire), [
    { csid: 2, type: 4, sid: 0, time: 5, payload: "000701020304" },
  ]);
});

test("A2-06: control is obeyed on any chunk stream, commands are taken on chunk stream 2", () => {
  const wire = concat(
    chunk({ fmt: 0, csid: 8, type: 1, length: 4, payload: bigEndian(4096, 4) }),
    chunk({ fmt: 0, csid: 2, type: 20, length: 300, payload: filled(300) }),
  );
  assert.equal(collect(new ChunkDecoder(), wire)[0]?.payload, hex(filled(300)));
});

test("A2-11: a format 0 inside a message is refused", () => {
  const start = chunk({ fmt: 0, csid: 4, type: 9, length: 200, payload: filled(128) });
  throwsCode(() => collect(new ChunkDecoder(), start, start), "ERR_RTMP_CHUNK_INTERLEAVE");
});

test("A2-12: a format 1 inside a message with another length is refused", () => {
  const start = chunk({ fmt: 0, csid: 4, type: 9, length: 200, payload: filled(128) });
  throwsCode(
    () => collect(new ChunkDecoder(), start, chunk({ fmt: 1, csid: 4, type: 9, length: 201 })),
    "ERR_RTMP_CHUNK_LENGTH",
  );
});

test("A2-13: formats 1 and 2 inside a message that change no length continue it", () => {
  const payload = filled(400);
  const wire = concat(
    chunk({ fmt: 0, csid: 4, time: 10, type: 9, length: 400, payload: payload.subarray(0, 128) }),
    chunk({ fmt: 1, csid: 4, time: 7, type: 9, length: 400, payload: payload.subarray(128, 256) }),
    chunk({ fmt: 2, csid: 4, time: 7, payload: payload.subarray(256, 384) }),
    chunk({ fmt: 3, csid: 4, payload: payload.subarray(384) }),
  );
  assert.deepEqual(
    collect(new ChunkDecoder(), wire).map((event) => [event.time, event.payload]),
    [[10, hex(payload)]],
  );
});

test("A2-15: a new chunk size applies to the next chunk of a message in progress", () => {
  const payload = filled(1000);
  const wire = concat(
    chunk({ fmt: 0, csid: 6, type: 9, length: 1000, payload: payload.subarray(0, 128) }),
    control(1, bigEndian(500, 4)),
    chunk({ fmt: 3, csid: 6, payload: payload.subarray(128, 628) }),
    control(1, bigEndian(200, 4)),
    chunk({ fmt: 3, csid: 6, payload: payload.subarray(628, 828) }),
    chunk({ fmt: 3, csid: 6, payload: payload.subarray(828) }),
  );
  assert.deepEqual(
    collect(new ChunkDecoder(), wire).map((event) => event.payload),
    [hex(payload)],
  );
});

test("A2-16: Abort drops the partial message of its chunk stream and nothing else", () => {
  const decoder = new ChunkDecoder();
  const half = chunk({ fmt: 0, csid: 4, time: 30, type: 9, length: 200, payload: filled(128) });
  const whole = chunk({ fmt: 1, csid: 4, time: 5, type: 9, length: 3, payload: [1, 2, 3] });
  const events = collect(
    decoder,
    half,
    control(2, bigEndian(9, 4)),
    control(2, bigEndian(70_000, 4)),
    control(2, bigEndian(4, 4)),
    control(2, bigEndian(4, 4)),
    whole,
  );
  assert.deepEqual(events, [{ csid: 4, type: 9, sid: 0, time: 35, payload: "010203" }]);
  assert.equal(decoder.appliedControls, 4);
});

test("A2-17: zero-length messages are delivered empty and end at their header", () => {
  const wire = concat(
    ...[3, 4, 8, 9, 18, 20, 22].map((type) => chunk({ fmt: 0, csid: 5, type })),
    chunk({ fmt: 3, csid: 5 }),
  );
  const events = collect(new ChunkDecoder(), wire);
  assert.deepEqual(
    events.map((event) => event.type),
    [3, 4, 8, 9, 18, 20, 22, 22],
  );
  assert.ok(events.every((event) => event.payload === ""));
});

for (const type of [0, 7, 10, 14, 16, 19, 21, 23, 255]) {
  test(`A2-19, A3-21: type ${type} is skipped without keeping its payload`, () => {
    const decoder = new ChunkDecoder({ identified: true });
    const length = type === 16 || type === 19 ? 1_000_000 : 0xff_ff_ff;
    collect(decoder, control(1, bigEndian(0xff_ff_ff, 4)));
    collect(decoder, chunk({ fmt: 0, csid: 9, type, length }));
    collect(decoder, new Uint8Array(length - 10));
    assert.equal(decoder.snapshot().streams.find(({ id }) => id === 9)?.payload.length, 0);
    assert.ok(decoder.save(new Uint8Array(256)) > 0);
    const next = chunk({ fmt: 0, csid: 9, type: 8, length: 1, payload: [5] });
    assert.deepEqual(
      collect(decoder, concat(new Uint8Array(10), next)).map((event) => [
        event.type,
        event.payload,
      ]),
      [
        [type, ""],
        [8, "05"],
      ],
    );
  });
}

const repeats: readonly (readonly [string, number, number])[] = [
  ["FMLE means the type-0 timestamp below 1 s", 40, 80],
  ["FMLE means the type-0 timestamp below 1 s", 999, 1998],
  ["gortmplib and nginx mean the same time from 1 s on", 1000, 1000],
  ["gortmplib and nginx mean the same time from 1 s on", 5_000_000, 5_000_000],
];
for (const [why, first, second] of repeats) {
  test(`A2-20, B-22: format 3 after format 0 at ${first} ms is a message at ${second} ms (${why})`, () => {
    const wire = concat(
      chunk({ fmt: 0, csid: 4, time: first, type: 8, length: 1, payload: [1] }),
      chunk({ fmt: 3, csid: 4, payload: [2] }),
    );
    assert.deepEqual(
      collect(new ChunkDecoder(), wire).map((event) => event.time),
      [first, second],
    );
  });
}

test("A2-20: format 3 repeats the last delta of formats 1 and 2", () => {
  const wire = concat(
    chunk({ fmt: 0, csid: 4, time: 100, type: 8, length: 1, payload: [1] }),
    chunk({ fmt: 1, csid: 4, time: 20, type: 8, length: 1, payload: [1] }),
    chunk({ fmt: 3, csid: 4, payload: [1] }),
    chunk({ fmt: 2, csid: 4, time: 3, payload: [1] }),
    chunk({ fmt: 3, csid: 4, payload: [1] }),
    chunk({ fmt: 3, csid: 4, payload: [1] }),
  );
  assert.deepEqual(
    collect(new ChunkDecoder(), wire).map((event) => event.time),
    [100, 120, 140, 143, 146, 149],
  );
});

test("A7-04: delta arithmetic wraps modulo 2^32", () => {
  const wire = concat(
    chunk({ fmt: 0, csid: 4, time: 0xff_ff_ff_f0, type: 8, length: 1, payload: [1] }),
    chunk({ fmt: 2, csid: 4, time: 0x20, payload: [1] }),
  );
  assert.deepEqual(
    collect(new ChunkDecoder(), wire).map((event) => event.time),
    [0xff_ff_ff_f0, 0x10],
  );
});

test("push stops right behind the message at which the sink says so", () => {
  const first = chunk({ fmt: 0, csid: 4, type: 8, length: 2, payload: [1, 2] });
  const second = chunk({ fmt: 0, csid: 4, type: 8, length: 2, payload: [3, 4] });
  const decoder = new ChunkDecoder();
  const used = decoder.push(concat(first, second), { message: () => false });
  assert.equal(used, first.length);
  assert.equal(decoder.bytesReceived, first.length);
  assert.equal(collect(decoder, second)[0]?.payload, "0304");
  assert.equal(decoder.bytesReceived, first.length + second.length);
});

test("a message in one chunk is a view of the input, one in several is not", () => {
  const decoder = new ChunkDecoder();
  const whole = chunk({ fmt: 0, csid: 4, type: 8, length: 100, payload: filled(100) });
  const buffers: boolean[] = [];
  const sink = {
    message({ payload }: { payload: Uint8Array }): boolean {
      buffers.push(payload.buffer === whole.buffer);
      return true;
    },
  };
  decoder.push(whole, sink);
  decoder.push(whole.subarray(0, 50), sink);
  decoder.push(whole.subarray(50), sink);
  assert.deepEqual(buffers, [true, false]);
});

test("errors carry the offset of the chunk in the connection's bytes", () => {
  const decoder = new ChunkDecoder();
  const first = chunk({ fmt: 0, csid: 4, type: 8, length: 2, payload: [1, 2] });
  collect(decoder, first);
  assert.throws(
    () => collect(decoder, first, concat(first, chunk({ fmt: 3, csid: 9 }))),
    (error: unknown) => error instanceof ProtocolError && error.place.offset === first.length * 3,
  );
});
