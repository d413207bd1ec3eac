import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LimitError, ProtocolError } from "../../../src/protocol/errors.ts";
import { decodeCommand, streamNameOf } from "../../../src/protocol/rtmp/command.ts";
import { MessageType } from "../../../src/protocol/rtmp/message.ts";

const AMF0 = MessageType.CommandAmf0;
const AMF3 = MessageType.CommandAmf3;

function text(value: string): number[] {
  return [0x02, value.length >> 8, value.length & 0xff, ...Buffer.from(value)];
}

const ONE = [0x00, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0];

function decode(bytes: readonly number[], type: number = AMF0): ReturnType<typeof decodeCommand> {
  return decodeCommand(Uint8Array.from(bytes), type);
}

function fails(code: string, bytes: readonly number[], type: number = AMF0): void {
  assert.throws(
    () => decode(bytes, type),
    (error: unknown) => error instanceof ProtocolError && error.code === code,
  );
}

describe("commands (RTMP 1.0 §7.2)", () => {
  it("name, transaction id, object, arguments", () => {
    const command = decode([...text("play"), ...ONE, 0x05, ...text("s")]);
    assert.deepEqual(command, { name: "play", transactionId: 1, args: [null, "s"] });
  });

  it("A4-17 type 17 with and without its format byte", () => {
    assert.equal(decode([0x00, ...text("ping"), ...ONE], AMF3).name, "ping");
    assert.equal(decode([...text("ping"), ...ONE], AMF3).name, "ping");
    fails("ERR_AMF_SHORT", [], AMF3);
    fails("ERR_AMF_SHORT", [0x00], AMF3);
    fails("ERR_AMF_SHORT", [0x02], AMF0);
  });

  it("A5-17 names that are too long, empty, binary or no string", () => {
    fails("ERR_RTMP_COMMAND_NAME", text("x".repeat(65)));
    fails("ERR_RTMP_COMMAND_NAME", text(""));
    fails("ERR_RTMP_COMMAND_NAME", text("a\u0001"));
    fails("ERR_RTMP_COMMAND_NAME", text("a b"));
    fails("ERR_RTMP_COMMAND_NAME", [...ONE, ...ONE]);
    assert.equal(decode([...text("x".repeat(64)), ...ONE]).name.length, 64);
  });

  it("A4-07 a name longer than the message", () => {
    fails("ERR_AMF_SHORT", [0x02, 0x00, 0x08, 0x61, 0x62]);
  });

  it("A4-15 transaction ids are echoed as they are", () => {
    const infinity = [0x00, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0];
    assert.equal(decode([...text("a"), ...infinity]).transactionId, Number.POSITIVE_INFINITY);
    const nan = [0x00, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0];
    assert.ok(Number.isNaN(decode([...text("a"), ...nan]).transactionId));
    assert.equal(decode(text("a")).transactionId, 0);
    assert.equal(decode([...text("a"), 0x05]).transactionId, 0);
  });

  it("A4-19 garbage behind the last argument needed is ignored, before it not", () => {
    const command = decode([...text("publish"), ...ONE, 0x05, ...text("s"), 0xfe, 0x01]);
    assert.deepEqual(command.args, [null, "s"]);
    fails("ERR_AMF_MARKER", [...text("publish"), ...ONE, 0x05, 0xfe]);
    fails("ERR_AMF_MARKER", [...text("connect"), ...ONE, 0xfe]);
  });

  it("A4-01 depth counts wherever it stands", () => {
    const deep = Array.from({ length: 40 }, () => [0x0a, 0, 0, 0, 1]).flat();
    assert.throws(() => decode([...text("x"), ...ONE, 0x05, ...deep]), LimitError);
  });

  it("A5-07 values that name a stream", () => {
    assert.equal(streamNameOf(12), "12");
    assert.equal(streamNameOf("s"), "s");
    for (const value of [null, undefined, false, true, Number.NaN, new Map(), []]) {
      assert.equal(streamNameOf(value), undefined);
    }
  });
});
