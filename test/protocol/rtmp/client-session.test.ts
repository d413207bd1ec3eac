import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AmfValue } from "../../../src/protocol/amf/amf-value.ts";
import { InvariantError, RejectedError } from "../../../src/protocol/errors.ts";
import { ChunkDecoder } from "../../../src/protocol/rtmp/chunk-decoder.ts";
import type { ClientSessionOptions } from "../../../src/protocol/rtmp/client-session.ts";
import { ClientSession } from "../../../src/protocol/rtmp/client-session.ts";
import { decodeCommand } from "../../../src/protocol/rtmp/command.ts";
import { ClientRecorder } from "./client-harness.ts";
import type { Pairs } from "./golden-wire.ts";
import { hex, number, object, text, wire } from "./golden-wire.ts";
import { command, concat, message, openHost, plain } from "./session-harness.ts";

const URL = "rtmp://h:1935/live/s?token=t";

/** A client whose handshake is done; `sent` reads what it wrote since. */
class Fixture {
  readonly client: ClientSession;
  readonly sink: ClientRecorder = new ClientRecorder();
  readonly #decoder = new ChunkDecoder({ identified: true });

  constructor(options: Partial<ClientSessionOptions> = {}) {
    this.client = new ClientSession(openHost(), { url: URL, mode: "play", ...options });
    this.client.start(this.sink);
    const handshake = new Uint8Array(3073);
    handshake[0] = 3;
    this.client.push(handshake, this.sink);
    assert.equal(
      this.sink.chunks.splice(0, 2).reduce((sum, part) => sum + part.length, 0),
      3073,
    );
  }

  push(...parts: readonly Uint8Array[]): void {
    const bytes = concat(...parts);
    assert.equal(this.client.push(bytes, this.sink), bytes.length);
  }

  /** Commands and other messages written since the last call. */
  sent(): Array<readonly unknown[]> {
    const seen: Array<readonly unknown[]> = [];
    for (const chunk of this.sink.chunks.splice(0)) {
      this.#decoder.push(chunk, {
        message(sent) {
          if (sent.type === 20) {
            const { name, transactionId, args } = decodeCommand(sent.payload, sent.type);
            seen.push([name, transactionId, sent.streamId, ...args.map(plain)]);
          } else {
            seen.push([sent.type, hex(sent.payload)]);
          }
          return true;
        },
      });
    }
    return seen;
  }

  /** Up to the command that asks for the stream. */
  toRequest(streamId = 1): this {
    this.push(success());
    const last = this.sent().at(-1)?.[1];
    this.push(command(0, "_result", Number(last), null, streamId));
    return this;
  }
}

function success(): Uint8Array {
  return command(0, "_result", 1, null, status("status", "NetConnection.Connect.Success"));
}

function status(level: string, code: string): Map<string, AmfValue> {
  return new Map([
    ["level", level],
    ["code", code],
    ["description", "d"],
  ]);
}

function onStatus(level: string, code: string): Uint8Array {
  return command(1, "onStatus", 0, null, status(level, code));
}

describe("the client's dialogue", () => {
  it("connect: SRS's object, extra properties and arguments, byte for byte (3.5)", () => {
    const fixture = new Fixture({
      connectExtras: [["capsEx", 6]],
      connectArgs: [new Map([["srs_sig", "SRS"]])],
    });
    const properties: Pairs = [
      ["app", text("live")],
      ["flashVer", text("WIN 15,0,0,239")],
      ["swfUrl", text("")],
      ["tcUrl", text("rtmp://h/live")],
      ["fpad", [1, 0]],
      ["capabilities", number(239)],
      ["audioCodecs", number(3575)],
      ["videoCodecs", number(252)],
      ["videoFunction", number(1)],
      ["pageUrl", text("")],
      ["objectEncoding", number(0)],
      ["capsEx", number(6)],
    ];
    const expected = wire({ csid: 3, type: 20, msid: 0, chunkSize: 128 }, [
      ...text("connect"),
      ...number(1),
      ...object(properties),
      ...object([["srs_sig", text("SRS")]]),
    ]);
    assert.equal(hex(concat(...fixture.sink.chunks)), hex(expected));
  });

  it("publish as ffmpeg: releaseStream, FCPublish, createStream, publish", () => {
    const fixture = new Fixture({ mode: "publish" });
    fixture.sent();
    fixture.push(success());
    assert.deepEqual(fixture.sent(), [
      [5, "002625a0"],
      ["releaseStream", 2, 0, null, "s?token=t"],
      ["FCPublish", 3, 0, null, "s?token=t"],
      ["createStream", 4, 0, null],
    ]);
    assert.equal(fixture.client.chunkSizeOut, 60_000);
    fixture.push(
      command(0, "_result", 2, null, undefined),
      command(0, "_result", 3, null, undefined),
    );
    assert.deepEqual(fixture.sent(), []);
    fixture.push(command(0, "_result", 4, null, 7));
    assert.deepEqual(fixture.sent(), [["publish", 5, 7, null, "s?token=t", "live"]]);
    fixture.push(onStatus("status", "NetStream.Publish.Start"));
    assert.equal(fixture.client.isReady, true);
    assert.equal(fixture.client.streamId, 7);
    fixture.client.close(fixture.sink);
    assert.deepEqual(fixture.sent(), [
      ["FCUnpublish", 6, 0, null, "s?token=t"],
      ["deleteStream", 7, 0, null, 7],
    ]);
    assert.equal(fixture.client.isReady, false);
  });

  it("play: createStream, play live or recorded, SetBufferLength", () => {
    const fixture = new Fixture().toRequest(3);
    assert.deepEqual(fixture.sent(), [
      ["play", 3, 3, null, "s?token=t", -2],
      [4, "000300000003000003e8"],
    ]);
    fixture.push(onStatus("status", "NetStream.Play.Reset"));
    assert.equal(fixture.client.isReady, false);
    fixture.push(onStatus("status", "NetStream.Play.Start"));
    assert.equal(fixture.client.isReady, true);
    assert.deepEqual(fixture.sink.events.slice(-1), ["ready"]);
  });

  it("media before ready is dropped, after it delivered; type 15 as 18, aggregates apart", () => {
    const fixture = new Fixture().toRequest();
    fixture.push(message(9, [1]));
    assert.deepEqual(fixture.sink.events, []);
    fixture.push(onStatus("status", "NetStream.Play.Start"));
    fixture.sink.events.length = 0;
    fixture.push(
      message(9, [1], { timestamp: 5 }),
      message(15, [0, 2, 0, 0]),
      message(22, [8, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 12], { timestamp: 9 }),
      message(9, []),
    );
    assert.deepEqual(fixture.sink.events, ["media 9 5 01", "media 18 0 020000", "media 8 9 07"]);
  });
});

describe("the client's ends", () => {
  it("connect refused, with SRS's redirect in the object (3.9)", () => {
    const fixture = new Fixture();
    const extension = new Map<string, AmfValue>([["redirect2", "rtmp://o/live/s"]]);
    const info = status("error", "NetConnection.Connect.Rejected").set("ex", extension);
    fixture.push(command(0, "_error", 1, null, info));
    assert.deepEqual(fixture.sink.events, [
      "status error NetConnection.Connect.Rejected d",
      "closed NetConnection.Connect.Rejected",
    ]);
    assert.deepEqual(fixture.sink.infos, [
      {
        level: "error",
        code: "NetConnection.Connect.Rejected",
        description: "d",
        ex: { redirect2: "rtmp://o/live/s" },
      },
    ]);
    fixture.push(success(), message(9, [1]));
    assert.equal(fixture.sink.events.length, 2);
  });

  it("errors of releaseStream and FCPublish are no reason to stop, of createStream they are", () => {
    const fixture = new Fixture({ mode: "publish" });
    fixture.push(success(), command(0, "_error", 2, null, status("error", "x")));
    assert.deepEqual(fixture.sink.events, ["status error x d"]);
    fixture.push(command(0, "_error", 4, null, status("error", "y")));
    assert.deepEqual(fixture.sink.events.slice(1), ["status error y d", "closed y"]);
  });

  it("a stream id that is none", () => {
    for (const id of [null, 0, -1, Number.NaN, "1"]) {
      const fixture = new Fixture();
      fixture.push(success(), command(0, "_result", 2, null, id));
      assert.deepEqual(fixture.sink.events, ["closed createStream gave no stream id"]);
    }
  });

  it("an error status, an unpublish, a close command: closed once", () => {
    for (const bytes of [
      onStatus("error", "NetStream.Play.StreamNotFound"),
      onStatus("status", "NetStream.Play.Stop"),
      command(0, "close", 0, null),
    ]) {
      const fixture = new Fixture().toRequest();
      fixture.push(bytes, bytes);
      const closed = fixture.sink.events.filter((line) => line.startsWith("closed"));
      assert.equal(closed.length, 1);
    }
  });

  it("other statuses are told and nothing more", () => {
    const fixture = new Fixture().toRequest();
    fixture.push(onStatus("status", "NetStream.Play.UnpublishNotify"));
    assert.deepEqual(fixture.sink.events, ["status status NetStream.Play.UnpublishNotify d"]);
  });
});

describe("the client's control messages", () => {
  it("answers pings, acknowledges at half the window, names a limited window", () => {
    const fixture = new Fixture();
    fixture.push(message(5, [0, 0, 0x20, 0], { chunkStreamId: 2 }), success());
    fixture.sent();
    fixture.push(message(4, [0, 6, 1, 2, 3, 4], { chunkStreamId: 2 }));
    assert.deepEqual(fixture.sent(), [[4, "000701020304"]]);
    fixture.push(message(6, [0, 0x10, 0, 0, 2], { chunkStreamId: 2 }));
    assert.deepEqual(fixture.sent(), [[5, "00100000"]]);
    fixture.push(message(9, new Uint8Array(4096)));
    const received = fixture.client.decoder.bytesReceived.toString(16).padStart(8, "0");
    assert.deepEqual(fixture.sent(), [[3, received]]);
    fixture.push(message(5, [1]), message(6, []), message(4, [0, 6]), message(77, [1]));
    assert.deepEqual(fixture.sent(), []);
  });

  it("asks for signs of what was read, and hands them on", () => {
    const fixture = new Fixture().toRequest();
    fixture.sent();
    fixture.client.ping(0x01_02_03_04, fixture.sink);
    assert.deepEqual(fixture.sent(), [[4, "000601020304"]]);
    fixture.push(message(4, [0, 7, 1, 2, 3, 4], { chunkStreamId: 2 }));
    fixture.push(message(3, [0xff, 0, 0, 1], { chunkStreamId: 2 }), message(3, [1]));
    assert.deepEqual(fixture.sink.signs, ["pong 16909060", "acknowledged 4278190081"]);
    assert.deepEqual(fixture.sent(), []);
  });

  it("refuses to send before ready, to start twice, to connect nowhere", () => {
    const fixture = new Fixture({ mode: "publish" });
    const frame = {
      type: 9,
      timestamp: 0,
      payload: new Uint8Array(1),
      chunkStreamId: 6,
      streamId: 1,
    };
    assert.throws(() => fixture.client.sendMedia(frame, fixture.sink), InvariantError);
    assert.throws(() => fixture.client.start(fixture.sink), InvariantError);
    assert.throws(
      () => new ClientSession(openHost(), { url: "nowhere", mode: "play" }),
      RejectedError,
    );
  });
});
