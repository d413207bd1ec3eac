import assert from "node:assert/strict";
import { test } from "node:test";
import { LimitError, ProtocolError } from "../../../src/protocol/errors.ts";
import {
  encodeFlvHeader,
  encodeFlvTag,
  encodePreviousTagSize,
  encodeTagHeader,
  FLV_HEADER_BYTES,
  FLV_TAG_HEADER_BYTES,
  FlvTagDecoder,
  FlvTagType,
} from "../../../src/protocol/flv/tag.ts";
import { hex, join } from "./vectors.ts";

/** Everything a decoder delivers, as owned values. */
function decode(...pieces: Uint8Array[]): unknown[] {
  const events: unknown[] = [];
  const decoder = new FlvTagDecoder();
  for (const piece of pieces) {
    decoder.push(piece, {
      header: (header) => events.push(header),
      tag: ({ type, timestamp, payload }) => events.push([type, timestamp, [...payload]]),
    });
  }
  return events;
}

const fails = (code: string) => (error: unknown) =>
  error instanceof ProtocolError && error.code === code && error.place.spec !== undefined;

test("FLV 10.1 Annex E.2, E.3: file header and PreviousTagSize0", () => {
  const both = encodeFlvHeader({ hasAudio: true, hasVideo: true });
  assert.deepEqual(both, hex("464c56 01 05 00000009 00000000"));
  assert.equal(both.length, FLV_HEADER_BYTES);
  assert.equal(encodeFlvHeader({ hasAudio: true, hasVideo: false })[4], 4);
  assert.equal(encodeFlvHeader({ hasAudio: false, hasVideo: true })[4], 1);
  assert.equal(encodeFlvHeader({ hasAudio: false, hasVideo: false })[4], 0);
});

test("FLV 10.1 Annex E.4.1: tag header with TimestampExtended", () => {
  const target = new Uint8Array(2 + FLV_TAG_HEADER_BYTES).fill(0xee);
  assert.equal(encodeTagHeader(target, 2, FlvTagType.Video, 0x12_34_56_78, 0x0a_0b_0c), 13);
  assert.deepEqual(target, hex("eeee 09 0a0b0c 345678 12 000000"));
});

test("A7-01: the 24-bit boundary of the timestamp goes to the extended byte", () => {
  const target = new Uint8Array(FLV_TAG_HEADER_BYTES);
  encodeTagHeader(target, 0, 8, 0xff_ff_ff, 0);
  assert.deepEqual(target.subarray(4, 8), hex("ffffff 00"));
  encodeTagHeader(target, 0, 8, 0x1_00_00_00, 0);
  assert.deepEqual(target.subarray(4, 8), hex("000000 01"));
});

test("A7-04, A7-09: timestamps past 2^32 and below 0 are taken modulo 2^32", () => {
  const target = new Uint8Array(FLV_TAG_HEADER_BYTES);
  encodeTagHeader(target, 0, 8, 2 ** 32 + 5, 0);
  assert.deepEqual(target.subarray(4, 8), hex("000005 00"));
  encodeTagHeader(target, 0, 8, -1, 0);
  assert.deepEqual(target.subarray(4, 8), hex("ffffff ff"));
  const tag = encodeFlvTag({ type: 8, timestamp: -1, payload: hex("af01") });
  const file = join(encodeFlvHeader({ hasAudio: true, hasVideo: false }), tag);
  assert.deepEqual(decode(file)[1], [8, 0xff_ff_ff_ff, [0xaf, 1]]);
});

test("FLV 10.1 Annex E.3: PreviousTagSize counts the tag's header", () => {
  const target = new Uint8Array(4);
  assert.equal(encodePreviousTagSize(target, 0, 0x01_00_00), 4);
  assert.deepEqual(target, hex("0001000b"));
});

test("FLV 10.1 Annex E: whole file, cut at every byte", () => {
  const file = join(
    encodeFlvHeader({ hasAudio: true, hasVideo: true }),
    encodeFlvTag({ type: 18, timestamp: 0, payload: hex("02 0001 61") }),
    encodeFlvTag({ type: 9, timestamp: 40, payload: hex("17 01 000000 00") }),
    encodeFlvTag({ type: 8, timestamp: 40, payload: hex("") }),
    encodeFlvTag({ type: 8, timestamp: 0x1_00_00_02, payload: hex("af 01 21") }),
  );
  const expected = [
    { hasAudio: true, hasVideo: true },
    [18, 0, [2, 0, 1, 0x61]],
    [9, 40, [0x17, 1, 0, 0, 0, 0]],
    [8, 40, []],
    [8, 0x1_00_00_02, [0xaf, 1, 0x21]],
  ];
  assert.deepEqual(decode(file), expected);
  for (let cut = 0; cut <= file.length; cut += 1) {
    assert.deepEqual(decode(file.subarray(0, cut), file.subarray(cut)), expected, `cut at ${cut}`);
  }
  assert.deepEqual(decode(...Array.from(file, (byte) => Uint8Array.of(byte))), expected);
});

test("FLV 10.1 Annex E.2: a longer header is skipped, wrong back pointers are not looked at", () => {
  const tag = encodeFlvTag({ type: 8, timestamp: 7, payload: hex("af 01 21") });
  tag.set([9, 9, 9, 9], tag.length - 4);
  const file = join(hex("464c56 01 04 0000000d aabbccdd 12345678"), tag, tag);
  assert.deepEqual(decode(file).slice(1), [
    [8, 7, [0xaf, 1, 0x21]],
    [8, 7, [0xaf, 1, 0x21]],
  ]);
});

test("FLV 10.1 Annex E.4.1: filter and reserved bits do not change the type", () => {
  const tag = encodeFlvTag({ type: 9, timestamp: 0, payload: hex("17") });
  tag[0] = 0xe0 | 9;
  const file = join(encodeFlvHeader({ hasAudio: false, hasVideo: true }), tag);
  assert.deepEqual(decode(file)[1], [9, 0, [0x17]]);
});

test("a stream that is not FLV", () => {
  assert.throws(() => decode(hex("474554202f20485454")), fails("ERR_FLV_SIGNATURE"));
  assert.throws(() => decode(hex("464c56 01 05 00000008")), fails("ERR_FLV_HEADER"));
  assert.throws(() => decode(hex("464c56 01 05 ffffffff")), fails("ERR_FLV_HEADER"));
});

test("A6-16: a script tag that announces 0xffffff bytes is refused at its header", () => {
  const start = encodeFlvHeader({ hasAudio: true, hasVideo: true });
  const announce = (type: number, length: number) => {
    const header = new Uint8Array(FLV_TAG_HEADER_BYTES);
    encodeTagHeader(header, 0, type, 0, length);
    return join(start, header);
  };
  for (const type of [18, 9, 8, 0, 31]) {
    assert.throws(
      () => decode(announce(type, 0xff_ff_ff)),
      (error) => error instanceof LimitError && fails("ERR_FLV_TAG_SIZE")(error),
    );
  }
  assert.throws(() => decode(announce(18, 1024 * 1024 + 1)), fails("ERR_FLV_TAG_SIZE"));
  assert.equal(decode(announce(9, 10 * 1024 * 1024)).length, 1);
  assert.equal(decode(announce(18, 1024 * 1024)).length, 1);
});

test("errors name the byte offset of the offending tag", () => {
  const start = encodeFlvHeader({ hasAudio: true, hasVideo: true });
  const good = encodeFlvTag({ type: 8, timestamp: 0, payload: hex("af 01") });
  const bad = hex("12 ffffff 000000 00 000000");
  assert.throws(
    () => decode(join(start, good), bad),
    (error) => error instanceof LimitError && error.place.offset === start.length + good.length,
  );
});

test("an announced 10 MiB costs what has arrived of it", () => {
  const header = new Uint8Array(FLV_TAG_HEADER_BYTES);
  encodeTagHeader(header, 0, FlvTagType.Video, 0, 10 * 1024 * 1024);
  const arrived = new Uint8Array(5000);
  const start = join(encodeFlvHeader({ hasAudio: false, hasVideo: true }), header, arrived);
  const before = process.memoryUsage().arrayBuffers;
  const decoders = Array.from({ length: 20 }, () => new FlvTagDecoder());
  for (const decoder of decoders) {
    decoder.push(start, { tag: () => assert.fail("no tag is complete") });
  }
  const grown = process.memoryUsage().arrayBuffers - before;
  assert.ok(grown < 20 * 64 * 1024, `${grown} bytes for 20 decoders`);
});

test("a tag without payload is delivered with its header, not with the bytes after it", () => {
  const header = new Uint8Array(FLV_TAG_HEADER_BYTES);
  encodeTagHeader(header, 0, FlvTagType.Audio, 5, 0);
  const file = join(encodeFlvHeader({ hasAudio: true, hasVideo: false }), header);
  assert.deepEqual(decode(file).slice(1), [[8, 5, []]]);
});

test("a tag larger than every buffer arrives whole in small pieces, and the next one too", () => {
  const payload = new Uint8Array(700_000).map((_, index) => index % 251);
  const tag = encodeFlvTag({ type: 9, timestamp: 1, payload });
  const file = join(encodeFlvHeader({ hasAudio: false, hasVideo: true }));
  const decoder = new FlvTagDecoder();
  const sums: string[] = [];
  const sink = {
    tag: (found: { payload: Uint8Array }) =>
      sums.push(Buffer.from(found.payload).toString("base64")),
  };
  decoder.push(file, sink);
  for (let turn = 0; turn < 2; turn += 1) {
    for (let offset = 0; offset < tag.length; offset += 1460) {
      decoder.push(tag.subarray(offset, offset + 1460), sink);
    }
  }
  const expected = Buffer.from(payload).toString("base64");
  assert.equal(sums.length, 2);
  assert.ok(sums.every((sum) => sum === expected));
});

test("a payload inside one push is a view of the input", () => {
  const tag = encodeFlvTag({ type: 9, timestamp: 1, payload: hex("17 01 000000 aa") });
  const file = join(encodeFlvHeader({ hasAudio: false, hasVideo: true }), tag);
  let buffer: ArrayBufferLike | undefined;
  new FlvTagDecoder().push(file, {
    tag: ({ payload }) => {
      buffer = payload.buffer;
    },
  });
  assert.equal(buffer, file.buffer);
});
