import assert from "node:assert/strict";
import { test } from "node:test";
import { ChunkDecoder } from "../../../src/protocol/rtmp/chunk-decoder.ts";
import {
  basicHeaderBytes,
  basicHeaderBytesOf,
  decodeChunkStreamId,
  encodeBasicHeader,
} from "../../../src/protocol/rtmp/chunk-header.ts";
import { chunk, collect, concat } from "./chunk-wire.ts";

const vectors: readonly (readonly [number, readonly number[]])[] = [
  [2, [0x02]],
  [6, [0x06]],
  [63, [0x3f]],
  [64, [0x00, 0x00]],
  [65, [0x00, 0x01]],
  [191, [0x00, 0x7f]],
  [319, [0x00, 0xff]],
  [64, [0x01, 0x00, 0x00]],
  [319, [0x01, 0xff, 0x00]],
  [320, [0x01, 0x00, 0x01]],
  [1000, [0x01, 0xa8, 0x03]],
  [65_598, [0x01, 0xfe, 0xff]],
  [65_599, [0x01, 0xff, 0xff]],
];

for (const [csid, bytes] of vectors) {
  test(`RTMP 1.0 §5.3.1.1, A2-04, F-32: basic header ${Buffer.from(bytes).toString("hex")} names chunk stream ${csid}`, () => {
    const header = Uint8Array.from(bytes);
    assert.equal(basicHeaderBytes(header[0] ?? 0), bytes.length);
    assert.equal(decodeChunkStreamId(header, 0), csid);
  });
}

test("the shortest basic header is written for every chunk stream id", () => {
  const target = new Uint8Array(3);
  for (let csid = 2; csid <= 65_599; csid++) {
    const end = encodeBasicHeader(target, 0, 2, csid);
    assert.equal(end, csid < 64 ? 1 : csid < 320 ? 2 : 3);
    assert.equal(end, basicHeaderBytesOf(csid));
    assert.equal((target[0] ?? 0) >>> 6, 2);
    assert.equal(basicHeaderBytes(target[0] ?? 0), end);
    assert.equal(decodeChunkStreamId(target, 0), csid);
  }
});

test("A2-05: the two-byte and the three-byte form of one id share their state", () => {
  const payload = Array.from({ length: 200 }, () => 7);
  const wire = concat(
    chunk({
      fmt: 0,
      csid: 64,
      form: 2,
      time: 5,
      length: 200,
      type: 9,
      sid: 1,
      payload: payload.slice(0, 128),
    }),
    chunk({ fmt: 3, csid: 64, form: 3, payload: payload.slice(128) }),
    chunk({ fmt: 2, csid: 64, form: 3, time: 10, payload: payload.slice(0, 128) }),
    chunk({ fmt: 3, csid: 64, form: 2, payload: payload.slice(128) }),
  );
  const events = collect(new ChunkDecoder(), wire);
  assert.deepEqual(
    events.map((event) => [event.csid, event.time, event.payload.length]),
    [
      [64, 5, 400],
      [64, 15, 400],
    ],
  );
});
