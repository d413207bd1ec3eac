import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { InvariantError } from "../../../src/protocol/errors.ts";
import { ChunkDecoder } from "../../../src/protocol/rtmp/chunk-decoder.ts";
import {
  ChunkEncoder,
  encodedLength,
  encodeMessage,
} from "../../../src/protocol/rtmp/chunk-encoder.ts";
import { bigEndian, chunk, collect, concat, control, filled, hex } from "./chunk-wire.ts";

const header = { chunkStreamId: 6, type: 9, streamId: 1, timestamp: 40 };

test("RTMP 1.0 §5.3.1.2.1: a message in one chunk is a format-0 header and its payload", () => {
  const bytes = encodeMessage(header, Uint8Array.of(1, 2, 3), 128);
  assert.equal(hex(bytes), "060000280000030901000000010203");
});

test("RTMP 1.0 §5.4.1: Set Chunk Size 60000 on chunk stream 2, golden bytes", () => {
  const size = encodeMessage(
    { chunkStreamId: 2, type: 1, streamId: 0, timestamp: 0 },
    Uint8Array.from(bigEndian(60_000, 4)),
    128,
  );
  assert.equal(hex(size), "0200000000000401000000000000ea60");
});

test("F-31: a message of 300 bytes continues with format 3", () => {
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
  assert.equal(hex(encodeMessage(header, payload, 128)), hex(wire));
});

for (const timestamp of [0xff_ff_ff, 0x1_00_00_00, 0xff_ff_ff_ff]) {
  test(`A7-01, B-10: the extended time ${timestamp} is repeated on every format 3`, () => {
    const payload = filled(300);
    const wire = concat(
      chunk({
        fmt: 0,
        csid: 6,
        time: timestamp,
        length: 300,
        type: 9,
        sid: 1,
        payload: payload.subarray(0, 128),
      }),
      chunk({ fmt: 3, csid: 6, extended: timestamp, payload: payload.subarray(128, 256) }),
      chunk({ fmt: 3, csid: 6, extended: timestamp, payload: payload.subarray(256) }),
    );
    assert.equal(hex(encodeMessage({ ...header, timestamp }, payload, 128)), hex(wire));
  });
}

test("A7-09: a negative time is written modulo 2^32", () => {
  const bytes = encodeMessage({ ...header, timestamp: -1 }, new Uint8Array(0), 128);
  assert.equal(collect(new ChunkDecoder(), bytes)[0]?.time, 0xff_ff_ff_ff);
});

test("F-36: a payload of a multiple of the chunk size has no empty chunk; an empty one has one", () => {
  assert.equal(encodeMessage(header, filled(256), 128).length, 12 + 128 + 1 + 128);
  assert.equal(encodeMessage(header, filled(0), 128).length, 12);
});

test("what cannot be expressed is weir's own mistake", () => {
  assert.throws(
    () => encodeMessage({ ...header, chunkStreamId: 1 }, filled(1), 128),
    InvariantError,
  );
  assert.throws(
    () => encodeMessage({ ...header, chunkStreamId: 65_600 }, filled(1), 128),
    InvariantError,
  );
  const encoder = new ChunkEncoder();
  const nowhere = { put: (): void => undefined };
  assert.throws(() => encoder.encode(nowhere, header, filled(1), 0), InvariantError);
  assert.throws(
    () => encoder.encode(nowhere, header, new Uint8Array(2 ** 24), 128),
    InvariantError,
  );
});

test("decode(encode(x)) = x, and the announced length is what is put", { timeout: 20_000 }, () => {
  const headers = fc.record({
    chunkStreamId: fc.oneof(
      fc.integer({ min: 2, max: 65_599 }),
      fc.constantFrom(2, 63, 64, 319, 320),
    ),
    type: fc.constantFrom(4, 8, 9, 18, 20, 22),
    streamId: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    timestamp: fc.oneof(
      fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      fc.constantFrom(0xff_ff_fe, 0xff_ff_ff),
    ),
  });
  fc.assert(
    fc.property(
      headers,
      fc.nat(1000),
      fc.integer({ min: 128, max: 600 }),
      (fields, size, chunkSize) => {
        const payload = filled(size);
        const bytes = encodeMessage(fields, payload, chunkSize);
        const { chunkStreamId, timestamp } = fields;
        assert.equal(bytes.length, encodedLength(size, timestamp, chunkSize, chunkStreamId));
        const decoder = new ChunkDecoder();
        collect(decoder, control(1, bigEndian(chunkSize, 4)));
        assert.deepEqual(
          collect(decoder, bytes, bytes),
          Array.from({ length: 2 }, () => ({
            csid: chunkStreamId,
            type: fields.type,
            sid: fields.streamId,
            time: timestamp,
            payload: hex(payload),
          })),
        );
      },
    ),
    { numRuns: 300, seed: 7 },
  );
});
