import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtocolError } from "../../src/protocol/errors.ts";
import { COMMAND_NAME_BYTES_MAX } from "../../src/protocol/limits.ts";
import { decodeCommand, encodeCommand } from "../../src/protocol/rtmp/command.ts";
import { MessageType } from "../../src/protocol/rtmp/message.ts";
import { fuzz } from "./mutator.ts";

const ROUTE = { chunkStreamId: 3, streamId: 0, chunkSize: 0xff_ff_ff };

function run(bytes: Uint8Array): void {
  for (const type of [MessageType.CommandAmf0, MessageType.CommandAmf3]) {
    try {
      const command = decodeCommand(bytes, type);
      assert.match(command.name, /^[!-~]+$/);
      assert.ok(command.name.length <= COMMAND_NAME_BYTES_MAX);
      const { name, transactionId, args } = command;
      const again = encodeCommand(ROUTE, name, transactionId, ...args).subarray(12);
      const copy = decodeCommand(again, MessageType.CommandAmf0);
      assert.deepEqual([copy.name, copy.transactionId], [name, transactionId]);
      assert.equal(copy.args.length, args.length);
    } catch (error) {
      assert.ok(error instanceof ProtocolError, `${error}`);
    }
  }
}

test("commands: only ProtocolError escapes", { timeout: 60_000 }, () => {
  fuzz("command", 30_000, run);
});
