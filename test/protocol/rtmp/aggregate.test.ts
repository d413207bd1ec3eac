import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeAggregate } from "../../../src/protocol/rtmp/aggregate.ts";
import type { Message } from "../../../src/protocol/rtmp/message.ts";
import { MessageType } from "../../../src/protocol/rtmp/message.ts";

function tag(type: number, time: number, payload: readonly number[]): number[] {
  const size = [payload.length >> 16, payload.length >> 8, payload.length].map((x) => x & 0xff);
  const low = [time >> 16, time >> 8, time].map((x) => x & 0xff);
  const total = payload.length + 11;
  const trailer = [total >>> 24, total >> 16, total >> 8, total].map((x) => x & 0xff);
  return [type, ...size, ...low, (time >>> 24) & 0xff, 0, 0, 0, ...payload, ...trailer];
}

function aggregate(payload: readonly number[], timestamp: number): Message {
  return {
    type: MessageType.Aggregate,
    chunkStreamId: 4,
    streamId: 1,
    timestamp,
    payload: Uint8Array.from(payload),
  };
}

function decode(message: Message): { parts: string[]; isWhole: boolean } {
  const parts: string[] = [];
  const isWhole = decodeAggregate(message, (part) => {
    parts.push(`${part.type} ${part.timestamp} ${Buffer.from(part.payload).toString("hex")}`);
  });
  return { parts, isWhole };
}

describe("aggregates (RTMP 1.0 §7.1.6)", () => {
  it("shifts the parts so that the first has the aggregate's time", () => {
    const bytes = [...tag(8, 100, [1, 2]), ...tag(9, 140, [3]), ...tag(18, 120, [4])];
    assert.deepEqual(decode(aggregate(bytes, 5000)), {
      parts: ["8 5000 0102", "9 5040 03", "18 5020 04"],
      isWhole: true,
    });
  });

  it("A7-04 wraps modulo 2^32, with 32 bits of time", () => {
    const bytes = [...tag(9, 0xff_ff_ff_f0, [1]), ...tag(9, 0x10, [2])];
    assert.deepEqual(decode(aggregate(bytes, 0xff_ff_ff_f8)).parts, ["9 4294967288 01", "9 24 02"]);
  });

  it("A6-09 delivers what stands before a fault", () => {
    const whole = [...tag(8, 0, [1]), ...tag(9, 0, [2, 3])];
    for (let cut = 1; cut < whole.length; cut++) {
      const { parts, isWhole } = decode(aggregate(whole.slice(0, cut), 0));
      const first = cut >= 12 ? ["8 0 01"] : [];
      const second = cut >= 16 + 13 ? ["9 0 0203"] : [];
      assert.deepEqual(parts, [...first, ...second], `cut at ${cut}`);
      const isAtSeam = (cut >= 12 && cut <= 16) || cut >= 16 + 13;
      assert.equal(isWhole, isAtSeam, `cut at ${cut}`);
    }
  });

  it("A6-09 a size beyond the message, a size of 0", () => {
    const big = tag(9, 0, [1]);
    big[1] = 0xff;
    assert.deepEqual(decode(aggregate(big, 0)), { parts: [], isWhole: false });
    assert.deepEqual(decode(aggregate(tag(9, 0, []), 0)), { parts: [], isWhole: true });
  });

  it("A6-10 passes over aggregates inside and unknown types", () => {
    const bytes = [...tag(22, 0, tag(9, 0, [1])), ...tag(20, 0, [1]), ...tag(8, 0, [7])];
    assert.deepEqual(decode(aggregate(bytes, 0)).parts, ["8 0 07"]);
  });
});
