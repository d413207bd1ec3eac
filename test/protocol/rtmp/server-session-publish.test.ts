import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LimitError, RejectedError } from "../../../src/protocol/errors.ts";
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

function connected(
  options: ConstructorParameters<typeof ServerSession>[1] = {},
  extra: Parameters<typeof connect>[0] = {},
): { session: ServerSession; sink: Recorder } {
  const session = new ServerSession(openHost(), options);
  const sink = new Recorder();
  drive(session, concat(handshakeBytes(), connect(extra)), sink);
  sink.clear();
  return { session, sink };
}

function publishing(name = "s"): { session: ServerSession; sink: Recorder } {
  const opened = connected();
  const { session, sink } = opened;
  drive(session, command(0, "createStream", 2, null), sink);
  drive(session, command(1, "publish", 3, null, name, "live"), sink);
  sink.clear();
  return opened;
}

const START = "onStatus NetStream.Publish.Start";
const STOP = "onStatus NetStream.Unpublish.Success";
const BAD = "onStatus NetStream.Publish.BadName";

describe("publish in the order of", () => {
  it("F-37 FMLEStart: releaseStream, FCPublish, createStream, publish", () => {
    const { session, sink } = connected();
    drive(
      session,
      concat(
        command(0, "releaseStream", 2, null, "s"),
        command(0, "FCPublish", 3, null, "s"),
        command(0, "createStream", 4, null),
        command(1, "publish", 5, null, "s?token=x", "live"),
      ),
      sink,
    );
    assert.deepEqual(sink.events, ["publish 1 h/live/s?token=x fmle-publish"]);
    assert.deepEqual(outline(sink), [
      "_result",
      "_result",
      "_result",
      "onFCPublish NetStream.Publish.Start",
      START,
    ]);
    assert.equal(session.phase, "streaming");
  });

  it("F-37 FlashPublish: createStream, publish", () => {
    const { session, sink } = connected();
    drive(session, command(0, "createStream", 2, null), sink);
    drive(session, command(1, "publish", 3, null, "s", "live"), sink);
    assert.deepEqual(sink.events, ["publish 1 h/live/s flash-publish"]);
    assert.deepEqual(outline(sink), ["_result", START]);
  });

  it("B-08 F-37 HaivisionPublish: _checkbw, createStream, FCPublish, publish", () => {
    const { session, sink } = connected();
    drive(
      session,
      concat(
        command(0, "_checkbw", 2, null),
        command(0, "createStream", 3, null),
        command(0, "FCPublish", 4, null, "s"),
        command(1, "publish", 5, null, "s"),
      ),
      sink,
    );
    assert.deepEqual(sink.events, ["publish 1 h/live/s haivision-publish"]);
    assert.deepEqual(outline(sink), [
      "_result",
      "_result",
      "_result",
      "onFCPublish NetStream.Publish.Start",
      START,
    ]);
  });

  it("the order is judged anew for every publish of a connection", () => {
    const { session, sink } = connected();
    drive(session, command(0, "createStream", 2, null), sink);
    drive(session, command(1, "publish", 3, null, "s"), sink);
    drive(session, command(1, "closeStream", 0, null), sink);
    drive(session, command(0, "FCPublish", 4, null, "s"), sink);
    drive(session, command(1, "publish", 5, null, "s"), sink);
    drive(session, command(1, "closeStream", 0, null), sink);
    drive(session, command(1, "publish", 6, null, "s"), sink);
    assert.deepEqual(
      sink.events.filter((event) => event.startsWith("publish")),
      ["flash", "fmle", "flash"].map((style) => `publish 1 h/live/s ${style}-publish`),
    );
  });

  it("B-24 publish pipelined with a guessed id, or without createStream", () => {
    const { session, sink } = connected();
    drive(
      session,
      concat(command(0, "createStream", 2, null), command(1, "publish", 3, null, "s")),
      sink,
    );
    assert.deepEqual(sink.events, ["publish 1 h/live/s flash-publish"]);
    const other = connected();
    drive(other.session, command(1, "publish", 3, null, "s"), other.sink);
    assert.deepEqual(other.sink.events, ["publish 1 h/live/s flash-publish"]);
  });

  it("B-07 FCPublish with transaction id 0 is answered", () => {
    const { session, sink } = connected();
    drive(session, command(0, "FCPublish", 0, null, "s"), sink);
    assert.deepEqual(outline(sink), ["_result"]);
  });

  it("B-25 type 17 commands with the format byte", () => {
    const { session, sink } = connected();
    const plain = command(0, "createStream", 2, null);
    const payload = concat(Uint8Array.of(0), plain.subarray(12));
    drive(session, message(17, payload), sink);
    assert.deepEqual(
      sink.replies.map((reply) => [reply.type, reply.name]),
      [[20, "_result"]],
    );
  });
});

describe("names of a publish", () => {
  it("A5-07 a number is a name; null, booleans, objects and nothing are BadName and close", () => {
    const { session, sink } = connected();
    drive(session, command(1, "publish", 3, null, 42), sink);
    assert.deepEqual(sink.events, ["publish 1 h/live/42 flash-publish"]);
    for (const args of [
      [null, null],
      [null, false],
      [null, new Map()],
      [null, "a/../b"],
      [null, "a b"],
    ]) {
      const other = connected();
      assert.throws(
        () => other.session.push(command(1, "publish", 3, ...args), other.sink),
        (error: unknown) =>
          error instanceof RejectedError && error.status === "NetStream.Publish.BadName",
      );
      assert.deepEqual(outline(other.sink), [BAD]);
    }
  });

  it("A5-07 Wirecast's false while publishing keeps the publish", () => {
    const { session, sink } = publishing();
    drive(session, command(1, "publish", 4, null, false), sink);
    assert.deepEqual(outline(sink), [BAD]);
    sink.clear();
    drive(session, message(9, [1], { streamId: 1 }), sink);
    assert.deepEqual(sink.events, ["media 1 9 0 01"]);
  });

  it("A5-08 an empty name: the app's last segment, else BadName", () => {
    const { session, sink } = connected({}, { tcUrl: "rtmp://h/live/room" });
    drive(session, command(1, "publish", 3, null, ""), sink);
    assert.deepEqual(sink.events, ["publish 1 h/live/room flash-publish"]);
    const other = connected();
    assert.throws(
      () => other.session.push(command(1, "publish", 3, null, ""), other.sink),
      RejectedError,
    );
    const set = connected({ streamFromApp: true });
    drive(set.session, command(1, "publish", 3, null, ""), set.sink);
    assert.deepEqual(set.sink.events, ["publish 1 h/__defaultApp__/live flash-publish"]);
  });

  it("A5-09 the same name again on the same stream: no second request", () => {
    const { session, sink } = publishing("s?a=1");
    drive(session, command(1, "publish", 4, null, "s?a=2"), sink);
    assert.deepEqual(sink.events, []);
    assert.deepEqual(outline(sink), [START]);
  });

  it("A5-10 another name on the same stream is BadName, on another stream it is a second publish", () => {
    const { session, sink } = publishing();
    drive(session, command(1, "publish", 4, null, "t"), sink);
    assert.deepEqual(outline(sink), [BAD]);
    sink.clear();
    drive(session, command(0, "createStream", 5, null), sink);
    drive(session, command(2, "publish", 6, null, "t"), sink);
    drive(session, message(9, [1], { streamId: 1 }), sink);
    drive(session, message(9, [2], { streamId: 2 }), sink);
    drive(session, message(9, [3], { streamId: 3 }), sink);
    assert.deepEqual(sink.events, [
      "publish 2 h/live/t flash-publish",
      "media 1 9 0 01",
      "media 2 9 0 02",
    ]);
    assert.deepEqual(sink.ignoredReasons, ["unknown-stream"]);
  });

  it("A5-11 publish and play on one connection, even of the same name", () => {
    const { session, sink } = publishing();
    drive(session, command(0, "createStream", 5, null), sink);
    drive(session, command(2, "play", 6, null, "s"), sink);
    drive(session, message(9, [1], { streamId: 1 }), sink);
    assert.equal(sink.events.length, 2);
    sink.clear();
    drive(session, command(1, "play", 7, null, "s"), sink);
    drive(session, command(2, "publish", 8, null, "s"), sink);
    assert.deepEqual(sink.events, []);
    assert.deepEqual(outline(sink), ["onStatus NetStream.Play.Failed", BAD]);
  });
});

describe("media of a publish", () => {
  it("A2-24 any message stream id while one publish is active", () => {
    const { session, sink } = publishing();
    for (const streamId of [0, 2, 0xff_ff_ff_ff, 0x01_00_00_00]) {
      drive(session, message(8, [7], { streamId, timestamp: 40 }), sink);
    }
    assert.deepEqual(
      sink.events,
      Array.from({ length: 4 }, () => "media 1 8 40 07"),
    );
  });

  it("B-50 @setDataFrame is taken away; type 15 becomes 18", () => {
    const { session, sink } = publishing();
    const set = Buffer.concat([Buffer.of(2, 0, 13), Buffer.from("@setDataFrame")]);
    const meta = Buffer.concat([Buffer.of(2, 0, 10), Buffer.from("onMetaData"), Buffer.of(5)]);
    const event = `media 1 18 0 ${meta.toString("hex")}`;
    drive(session, message(18, Buffer.concat([set, meta]), { streamId: 1 }), sink);
    drive(session, message(18, meta, { streamId: 1 }), sink);
    drive(session, message(15, Buffer.concat([Buffer.of(0), set, meta]), { streamId: 1 }), sink);
    drive(session, message(15, Buffer.concat([Buffer.of(0), meta]), { streamId: 1 }), sink);
    assert.deepEqual(sink.events, [event, event, event, event]);
  });

  it("B-51 A6-11 data that is no data is swallowed", () => {
    const { session, sink } = publishing();
    drive(session, message(18, [0, 0, 0, 1], { streamId: 1 }), sink);
    drive(session, message(15, [0], { streamId: 1 }), sink);
    drive(
      session,
      message(18, [0x02, 0, 13, ...Buffer.from("@setDataFrame")], { streamId: 1 }),
      sink,
    );
    assert.deepEqual(sink.events, []);
    assert.deepEqual(sink.ignoredReasons, ["garbage-data", "garbage-data", "garbage-data"]);
  });

  it("aggregates arrive taken apart, their metadata too", () => {
    const { session, sink } = publishing();
    const tag = (type: number, payload: readonly number[]): number[] => {
      return [type, 0, 0, payload.length, 0, 0, 5, 0, 0, 0, 0, ...payload, 0, 0, 0, 0];
    };
    const set = [2, 0, 13, ...Buffer.from("@setDataFrame"), 2, 0, 1, 0x61];
    drive(
      session,
      message(22, [...tag(18, set), ...tag(9, [1]), 9, 9], { streamId: 1, timestamp: 100 }),
      sink,
    );
    assert.deepEqual(sink.events, ["media 1 18 100 02000161", "media 1 9 100 01"]);
    assert.deepEqual(sink.ignoredReasons, ["aggregate-fault"]);
  });

  it("A5-06 media before publish is dropped, more than 1 MiB is too much", () => {
    const { session, sink } = connected();
    const frame = message(9, new Uint8Array(100_000), { streamId: 1 });
    for (let count = 0; count < 10; count++) {
      drive(session, frame, sink);
    }
    assert.deepEqual(sink.events, []);
    assert.equal(sink.ignoredReasons.length, 10);
    assert.throws(
      () => session.push(frame, sink),
      (error: unknown) =>
        error instanceof LimitError && error.code === "ERR_RTMP_UNAUTHORISED_MEDIA",
    );
  });

  it("A5-06 an accepted publish starts the count again", () => {
    const { session, sink } = connected();
    const frames = concat(...Array.from({ length: 9 }, () => message(9, new Uint8Array(100_000))));
    for (let round = 0; round < 3; round++) {
      drive(session, frames, sink);
      drive(session, command(1, "publish", 3, null, "s"), sink);
      drive(session, command(1, "closeStream", 0, null), sink);
    }
    assert.equal(sink.ignoredReasons.length, 27);
  });

  it("media between the request and the answer stays with the caller", () => {
    const { session, sink } = connected();
    const ask = command(1, "publish", 3, null, "s");
    const bytes = concat(ask, message(9, [1], { streamId: 1 }));
    assert.equal(session.push(bytes, sink), ask.length);
    assert.deepEqual(outline(sink), []);
    session.acceptPublish(1, sink);
    session.push(bytes.subarray(ask.length), sink);
    assert.equal(sink.events.at(-1), "media 1 9 0 01");
  });
});

describe("the end of a publish", () => {
  it("F-37 FMLEUnpublish, then publishing again on the same connection", () => {
    const { session, sink } = publishing();
    drive(session, command(0, "FCUnpublish", 4, null, "s"), sink);
    assert.deepEqual(sink.events, ["close 1"]);
    assert.deepEqual(outline(sink), ["onFCUnpublish NetStream.Unpublish.Success", "_result", STOP]);
    assert.equal(session.phase, "identify");
    sink.clear();
    drive(
      session,
      concat(
        command(0, "deleteStream", 0, null, 1),
        command(0, "releaseStream", 5, null, "s"),
        command(0, "FCPublish", 6, null, "s"),
        command(0, "createStream", 7, null),
        command(1, "publish", 8, null, "s"),
      ),
      sink,
    );
    assert.deepEqual(sink.events, ["publish 1 h/live/s fmle-publish"]);
  });

  const ends: ReadonlyArray<readonly [string, Uint8Array]> = [
    ["closeStream", command(1, "closeStream", 0, null)],
    ["closeStream with a wrong id", command(9, "closeStream", 0, null)],
    ["deleteStream", command(0, "deleteStream", 0, null, 1)],
    ["deleteStream with a wrong id", command(0, "deleteStream", 0, null, 77)],
    ["deleteStream without an id", command(0, "deleteStream", 0, null, null)],
    ["FCUnpublish", command(0, "FCUnpublish", 4, null, "s")],
    ["FCUnpublish with another name", command(0, "FCUnpublish", 4, null, "other")],
    ["FCUnpublish without a name", command(0, "FCUnpublish", 4, null)],
    ["releaseStream of its own", command(0, "releaseStream", 4, null, "s")],
  ];
  for (const [name, bytes] of ends) {
    it(`A5-14 ${name}: once, whatever follows`, () => {
      const { session, sink } = publishing();
      drive(session, bytes, sink);
      drive(session, bytes, sink);
      for (const [, other] of ends) {
        drive(session, other, sink);
      }
      assert.deepEqual(sink.events, ["close 1"]);
    });
  }

  it("A5-15 releaseStream of a stranger's name is harmless", () => {
    const { session, sink } = publishing();
    drive(session, command(0, "releaseStream", 4, null, "stranger"), sink);
    assert.deepEqual(sink.events, []);
    assert.deepEqual(outline(sink), ["_result"]);
    assert.equal(session.phase, "streaming");
  });

  it("endPublish by the server: a status and no event", () => {
    const { session, sink } = publishing();
    session.endPublish(1, sink);
    session.endPublish(1, sink);
    assert.deepEqual(outline(sink), [STOP]);
    assert.deepEqual(sink.events, []);
    assert.equal(session.phase, "identify");
  });

  it("A5-21 a refusal comes without any Start; the connection can go on", () => {
    const { session, sink } = connected();
    session.push(command(1, "publish", 3, null, "s"), sink);
    session.rejectPublish(1, "NetStream.Publish.Denied", "No.", sink);
    assert.deepEqual(outline(sink), ["onStatus NetStream.Publish.Denied"]);
    assert.equal(session.streamRequest(1), undefined);
    drive(session, command(1, "publish", 4, null, "s"), sink);
    assert.equal(outline(sink).at(-1), START);
  });
});
