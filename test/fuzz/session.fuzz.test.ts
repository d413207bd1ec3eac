import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtocolError, RejectedError } from "../../src/protocol/errors.ts";
import { REPLY_BYTES_SLACK } from "../../src/protocol/limits.ts";
import { ServerSession } from "../../src/protocol/rtmp/server-session.ts";
import {
  acceptPending,
  handshakeBytes,
  openHost,
  Recorder,
} from "../protocol/rtmp/session-harness.ts";
import { fuzz, type Random, randomCut } from "./mutator.ts";

interface Outcome {
  readonly events: readonly string[];
  readonly replies: readonly string[];
  readonly end: string;
}

function answer(session: ServerSession, sink: Recorder, isRefusing: boolean): void {
  const [kind = "", id] = (sink.events.at(-1) ?? "").split(" ");
  if (!isRefusing || kind === "connect") {
    acceptPending(session, sink);
  } else if (kind === "publish") {
    session.rejectPublish(Number(id), "NetStream.Publish.Denied", "No.", sink);
  } else {
    session.rejectPlay(Number(id), "NetStream.Play.Failed", "No.", sink);
  }
}

/** Runs the pieces after a handshake, with a hand-off wherever `isHopping` says so. */
function runPieces(
  pieces: readonly Uint8Array[],
  isRefusing: boolean,
  isHopping: () => boolean,
): Outcome {
  const sink = new Recorder();
  let session = new ServerSession(openHost(), { offerReconnect: true });
  session.push(handshakeBytes(), sink);
  let end = "input";
  try {
    for (const piece of pieces) {
      let at = session.push(piece, sink);
      while (session.isWaiting) {
        answer(session, sink, isRefusing);
        at += session.push(piece.subarray(at), sink);
      }
      assert.equal(at, piece.length);
      if (isHopping()) {
        session = ServerSession.restore(structuredClone(session.snapshot()), openHost());
      }
    }
  } catch (error) {
    assert.ok(error instanceof ProtocolError || error instanceof RejectedError, `${error}`);
    end = error.code;
  }
  // Acknowledgements come once a push and so depend on the cut.
  const replies = sink.replies.filter((reply) => reply.type !== 3);
  return { events: sink.events, replies: replies.map((reply) => JSON.stringify(reply)), end };
}

function run(bytes: Uint8Array, random: Random): void {
  const isRefusing = random.below(4) === 0;
  const whole = runPieces([bytes], isRefusing, () => false);
  const cut = runPieces(randomCut(random, bytes), isRefusing, () => random.below(6) === 0);
  assert.deepEqual(cut, whole);
  const size = whole.replies.reduce((sum, reply) => sum + reply.length, 0);
  assert.ok(size < 40 * bytes.length + REPLY_BYTES_SLACK * 4);
}

test("server session: cuts and hand-offs change nothing, only our errors escape", {
  timeout: 90_000,
}, () => {
  fuzz("session", 2500, run);
});
