import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { ProtocolError } from "../../src/protocol/errors.ts";
import { PARTIAL_BYTES_MAX } from "../../src/protocol/limits.ts";
import { ChunkDecoder } from "../../src/protocol/rtmp/chunk-decoder.ts";
import type { Message } from "../../src/protocol/rtmp/message.ts";
import { fuzz, type Random, randomCut } from "./mutator.ts";

/** What a run gave, short enough to compare: each message's header and payload, then the end. */
class Outcome {
  readonly events: string[] = [];
  payloadBytes = 0;
  end = "input";

  message(message: Message): boolean {
    const { chunkStreamId, type, streamId, timestamp, payload } = message;
    const digest = createHash("md5").update(payload).digest("hex");
    this.events.push(
      `${chunkStreamId} ${type} ${streamId} ${timestamp} ${payload.length} ${digest}`,
    );
    this.payloadBytes += payload.length;
    return true;
  }

  /** Only a protocol error with a stable code may escape. */
  failed(error: unknown): void {
    assert.ok(error instanceof ProtocolError, `${error}`);
    assert.match(error.code, /^ERR_RTMP_/);
    this.end = error.code;
  }
}

function runWhole(bytes: Uint8Array): Outcome {
  const outcome = new Outcome();
  const decoder = new ChunkDecoder({ identified: true });
  try {
    assert.equal(decoder.push(bytes, outcome), bytes.length);
    assert.equal(decoder.bytesReceived, bytes.length);
  } catch (error) {
    outcome.failed(error);
  }
  return outcome;
}

/** In pieces, through snapshots and packed states. */
function runCut(bytes: Uint8Array, random: Random): Outcome {
  const outcome = new Outcome();
  let decoder = new ChunkDecoder({ identified: true });
  const row = new Uint8Array(256);
  try {
    for (const piece of randomCut(random, bytes)) {
      decoder.push(piece, outcome);
      const choice = random.below(8);
      if (choice === 0) {
        const snapshot = decoder.snapshot();
        const held = snapshot.streams.reduce((sum, stream) => sum + stream.payload.length, 0);
        assert.ok(held <= bytes.length && held <= PARTIAL_BYTES_MAX);
        decoder = ChunkDecoder.restore(snapshot);
      } else if (choice === 1 && decoder.save(row) > 0) {
        decoder.load(row);
      }
    }
  } catch (error) {
    outcome.failed(error);
  }
  return outcome;
}

test("A2-22, A2-23: any bytes give messages or a protocol error, the same in any cut", {
  timeout: 60_000,
}, () => {
  const ends = new Map<string, number>();
  fuzz("chunk", 4000, (bytes, random) => {
    const before = process.memoryUsage().arrayBuffers;
    const whole = runWhole(bytes);
    const grown = process.memoryUsage().arrayBuffers - before;
    assert.ok(grown < 256 * 1024, `${grown} bytes of buffers for ${bytes.length} bytes of input`);
    assert.ok(whole.payloadBytes <= bytes.length);
    const cut = runCut(bytes, random);
    assert.deepEqual(cut.events, whole.events);
    assert.equal(cut.end, whole.end);
    ends.set(whole.end, (ends.get(whole.end) ?? 0) + 1);
  });
  for (const code of [
    "input",
    "ERR_RTMP_CHUNK_START",
    "ERR_RTMP_CHUNK_INTERLEAVE",
    "ERR_RTMP_CHUNK_LENGTH",
    "ERR_RTMP_CHUNK_SIZE",
    "ERR_RTMP_CONTROL_SHORT",
    "ERR_RTMP_MESSAGE_SIZE",
  ]) {
    assert.ok((ends.get(code) ?? 0) > 0, `no input ends in ${code}: ${JSON.stringify([...ends])}`);
  }
});
