import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AmfValue } from "../../../src/protocol/amf/amf-value.ts";
import { RejectedError } from "../../../src/protocol/errors.ts";
import { ChunkDecoder } from "../../../src/protocol/rtmp/chunk-decoder.ts";
import type { ServerSessionSnapshot } from "../../../src/protocol/rtmp/server-session.ts";
import { ServerSession } from "../../../src/protocol/rtmp/server-session.ts";
import {
  command,
  concat,
  connect,
  drive,
  handshakeBytes,
  message,
  openHost,
  outline,
  Recorder,
} from "./session-harness.ts";

function connected(): { session: ServerSession; sink: Recorder } {
  const session = new ServerSession(openHost(), {});
  const sink = new Recorder();
  drive(session, concat(handshakeBytes(), connect()), sink);
  sink.clear();
  return { session, sink };
}

function playing(): { session: ServerSession; sink: Recorder } {
  const opened = connected();
  drive(opened.session, command(0, "createStream", 2, null), opened.sink);
  drive(opened.session, command(1, "play", 3, null, "s?token=t"), opened.sink);
  opened.sink.clear();
  return opened;
}

const REPLIES = [
  "type 4 000000000001",
  "onStatus NetStream.Play.Reset",
  "onStatus NetStream.Play.Start",
  "type 18 0200117c52746d7053616d706c6541636365737301010101",
];

describe("play", () => {
  it("B-02 ffmpeg: createStream, getStreamLength, play, SetBufferLength", () => {
    const { session, sink } = connected();
    drive(
      session,
      concat(
        command(0, "createStream", 2, null),
        command(0, "getStreamLength", 3, null, "s"),
        command(1, "play", 4, null, "s", -2000),
        message(4, [0, 3, 0, 0, 0, 1, 0, 0, 11, 184], { chunkStreamId: 2 }),
      ),
      sink,
    );
    const options = JSON.stringify({ start: -2000, durationMs: 0, reset: true });
    assert.deepEqual(sink.events, [`play 1 h/live/s ${options}`]);
    assert.deepEqual(outline(sink), ["_result", "_result", ...REPLIES]);
    assert.equal(session.phase, "streaming");
  });

  it("B-06 FCSubscribe is answered and harmless", () => {
    const { session, sink } = connected();
    drive(session, command(0, "FCSubscribe", 2, null, "s"), sink);
    assert.deepEqual(outline(sink), ["_result"]);
    assert.deepEqual(sink.events, []);
  });

  it("A5-19 A4-20 odd and missing arguments", () => {
    const cases: ReadonlyArray<readonly [readonly AmfValue[], string]> = [
      [[], '{"start":-2,"durationMs":0,"reset":true}'],
      [[Number.NaN, Number.POSITIVE_INFINITY, 0], '{"start":-2,"durationMs":0,"reset":false}'],
      [[5, 1.9, "yes"], '{"start":5,"durationMs":1,"reset":true}'],
      [[-2, -2, true], '{"start":-2,"durationMs":0,"reset":true}'],
      [[-2, 2 ** 31, true], '{"start":-2,"durationMs":0,"reset":true}'],
      [["x", null, false], '{"start":-2,"durationMs":0,"reset":false}'],
    ];
    for (const [args, expected] of cases) {
      const { session, sink } = connected();
      drive(session, command(1, "play", 3, null, "s", ...args), sink);
      assert.deepEqual(sink.events, [`play 1 h/live/s ${expected}`]);
    }
  });

  it("silent: the state changes and nothing is written", () => {
    const { session, sink } = connected();
    session.push(command(1, "play", 3, null, "s"), sink);
    session.acceptPlay(1, sink, true);
    assert.equal(sink.written.length, 0);
    assert.equal(session.phase, "streaming");
    assert.equal(session.decoder.identified, true);
  });

  it("play2 plays what it names", () => {
    const { session, sink } = playing();
    drive(session, command(1, "play2", 4, null, new Map([["streamName", "t"]])), sink);
    assert.equal(sink.events[0], "close 1");
    assert.match(sink.events[1] ?? "", /^play 1 h\/live\/t /);
  });

  it("play again on the same stream ends the first one", () => {
    const { session, sink } = playing();
    drive(session, command(1, "play", 4, null, "t"), sink);
    assert.equal(sink.events[0], "close 1");
    assert.match(sink.events[1] ?? "", /^play 1 h\/live\/t /);
    assert.deepEqual(outline(sink), REPLIES);
  });

  it("A8-01 a bad name is refused before anyone is asked", () => {
    const { session, sink } = connected();
    assert.throws(() => session.push(command(1, "play", 3, null, "../x"), sink), RejectedError);
    assert.deepEqual(sink.events, []);
    assert.deepEqual(outline(sink), ["onStatus NetStream.Play.Failed"]);
  });

  it("refused", () => {
    const { session, sink } = connected();
    session.push(command(1, "play", 3, null, "s"), sink);
    session.rejectPlay(1, "NetStream.Play.StreamNotFound", "No.", sink);
    assert.deepEqual(outline(sink), ["onStatus NetStream.Play.StreamNotFound"]);
    assert.equal(session.isWaiting, false);
  });

  it("A5-18 pause, pauseRaw, receiveAudio, receiveVideo, seek", () => {
    const { session, sink } = playing();
    drive(session, command(1, "pause", 0, null, true, 5), sink);
    drive(session, command(1, "pauseRaw", 0, null, false, 5), sink);
    drive(session, command(1, "receiveAudio", 0, null, false), sink);
    drive(session, command(1, "receiveVideo", 0, null, true), sink);
    drive(session, command(1, "seek", 0, null, 5), sink);
    assert.deepEqual(sink.events, [
      "pause 1 true",
      "pause 1 false",
      "receive 1 audio false",
      "receive 1 video true",
    ]);
    assert.equal(outline(sink).at(-1), "onStatus NetStream.Seek.Failed");
  });

  it("commands for a player are ignored without one", () => {
    const { session, sink } = connected();
    drive(session, command(0, "createStream", 2, null), sink);
    sink.clear();
    for (const name of ["pause", "seek", "receiveAudio", "receiveVideo", "closeStream"]) {
      drive(session, command(1, name, 0, null, true), sink);
    }
    assert.deepEqual(sink.events, []);
    assert.equal(sink.written.length, 0);
  });

  it("closeStream and deleteStream end it once", () => {
    const { session, sink } = playing();
    drive(session, command(1, "closeStream", 0, null), sink);
    drive(session, command(0, "deleteStream", 0, null, 1), sink);
    assert.deepEqual(sink.events, ["close 1"]);
    assert.equal(sink.written.length, 0);
  });

  it("notify writes a status of the server's", () => {
    const { session, sink } = playing();
    session.notify(1, "NetStream.Play.UnpublishNotify", "s is gone.", sink);
    assert.deepEqual(outline(sink), ["onStatus NetStream.Play.UnpublishNotify"]);
  });
});

describe("a player's row", () => {
  it("is small JSON and revives for a command with the shard's own decoder", () => {
    const { session, sink } = playing();
    const row = JSON.stringify(session.snapshotIdentity());
    assert.ok(row.length < 1200, `${row.length} characters`);
    sink.clear();
    const decoder = new ChunkDecoder({ identified: true });
    decoder.push(command(1, "pause", 9, null, true), {
      message(arrived) {
        const identity: ServerSessionSnapshot["identity"] = JSON.parse(row);
        const revived = ServerSession.restore({ identity }, openHost(), decoder);
        revived.chunkSizeOut = 4096;
        assert.equal(revived.phase, "streaming");
        assert.equal(revived.streamRequest(1)?.param, "?token=t");
        return revived.deliver(arrived, sink);
      },
    });
    assert.deepEqual(sink.events, ["pause 1 true"]);
    assert.deepEqual(outline(sink), ["onStatus NetStream.Pause.Notify", "type 4 000100000001"]);
  });

  it("deliver stops the decoder when a decision is pending", () => {
    const { session, sink } = playing();
    const seen: boolean[] = [];
    new ChunkDecoder().push(command(1, "play", 9, null, "t"), {
      message(arrived) {
        seen.push(session.deliver(arrived, sink));
        return false;
      },
    });
    assert.deepEqual(seen, [false]);
    assert.equal(session.isWaiting, true);
  });
});

describe("the end of a play by the server", () => {
  it("tells why, once, and the NetStream can play again", () => {
    const { session, sink } = playing();
    session.endPlay(1, "NetStream.Play.StreamNotFound", "No such stream.", sink);
    session.endPlay(1, "NetStream.Play.StreamNotFound", "No such stream.", sink);
    assert.deepEqual(outline(sink), ["onStatus NetStream.Play.StreamNotFound"]);
    assert.equal(session.streamRequest(1), undefined);
    assert.ok(!sink.events.some((event) => event.startsWith("close")));
    sink.clear();
    drive(session, command(1, "play", 4, null, "other"), sink);
    assert.ok(sink.events[0]?.startsWith("play 1 h/live/other"));
  });
});
