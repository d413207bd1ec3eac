import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  InvariantError,
  LimitError,
  ProtocolError,
  RejectedError,
} from "../../../src/protocol/errors.ts";
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

/** A session after the handshake. */
function shaken(options: ConstructorParameters<typeof ServerSession>[1] = {}): {
  session: ServerSession;
  sink: Recorder;
  host: ReturnType<typeof openHost>;
} {
  const host = openHost();
  const session = new ServerSession(host, options);
  const sink = new Recorder();
  drive(session, handshakeBytes(), sink);
  sink.clear();
  return { session, sink, host };
}

/** A session that connected. */
function connected(extra: Parameters<typeof connect>[0] = {}): ReturnType<typeof shaken> {
  const opened = shaken();
  drive(opened.session, connect(extra), opened.sink);
  opened.sink.clear();
  return opened;
}

function throwsCode(
  kind: typeof ProtocolError | typeof RejectedError,
  code: string,
  act: () => void,
): void {
  assert.throws(act, (error: unknown) => error instanceof kind && error.code === code);
}

describe("connect", () => {
  it("waits for the host's decision and leaves the rest of the input to the caller", () => {
    const { session, sink } = shaken();
    const first = connect();
    const bytes = concat(first, command(0, "createStream", 2, null));
    assert.equal(session.push(bytes, sink), first.length);
    assert.equal(session.isWaiting, true);
    assert.equal(session.phase, "connect");
    assert.equal(session.push(bytes.subarray(first.length), sink), 0);
    assert.equal(sink.written.length, 0);
    session.acceptConnect(sink);
    assert.equal(session.isWaiting, false);
    assert.equal(session.phase, "identify");
    session.push(bytes.subarray(first.length), sink);
    assert.deepEqual(outline(sink), [
      "type 5 002625a0",
      "type 6 002625a002",
      "_result NetConnection.Connect.Success",
      "onBWDone",
      "_result",
    ]);
  });

  it("may be answered from inside the sink", () => {
    const session = new ServerSession(openHost(), {});
    const sink = new (class extends Recorder {
      override connect(): void {
        session.acceptConnect(this);
      }
    })();
    session.push(handshakeBytes(), sink);
    const bytes = concat(connect(), command(0, "createStream", 2, null));
    assert.equal(session.push(bytes, sink), bytes.length);
    assert.equal(outline(sink).at(-1), "_result");
  });

  it("tells what was asked for (B-57, 3.5 edge identity)", () => {
    const { session, sink } = shaken();
    const edge = new Map<string, string | number>([
      ["srs_sig", "SRS"],
      ["srs_server_ip", "10.1.1.1"],
      ["srs_pid", 42],
      ["srs_id", "xyz"],
    ]);
    const properties = {
      tcUrl: "rtmp://u:p@Demo.com:1936/live?vhost=v.com",
      flashVer: "FMLE/3.0",
      pageUrl: "http://page",
      swfUrl: "http://swf",
      objectEncoding: 3,
      fourCcList: ["hvc1", "av01", 5],
      videoFourCcInfoMap: new Map([["*", 4]]),
      audioFourCcInfoMap: new Map([["Opus", 3]]),
      capsEx: 7,
    };
    session.push(connect(properties, edge), sink);
    const request = sink.connects[0];
    assert.ok(request !== undefined);
    const { args, ...rest } = request;
    assert.deepEqual(args, [edge]);
    assert.deepEqual(rest, {
      vhost: "v.com",
      app: "live",
      stream: "",
      param: "?vhost=v.com",
      tcUrl: "rtmp://Demo.com:1936/live?vhost=v.com",
      pageUrl: "http://page",
      swfUrl: "http://swf",
      host: "demo.com",
      port: 1936,
      credentials: "u:p",
      flashVersion: "FMLE/3.0",
      objectEncoding: 3,
      enhanced: {
        fourCcList: ["hvc1", "av01"],
        videoFourCcInfo: [["*", 4]],
        audioFourCcInfo: [["Opus", 3]],
        capsEx: 7,
      },
      edge: { ip: "10.1.1.1", pid: "42", id: "xyz", path: "" },
    });
  });

  it("A5-01 without tcUrl: from the app; without both: Rejected", () => {
    const { session, sink } = shaken({ serverInfo: { ip: "10.0.0.1", pid: 1, id: "x" } });
    session.push(connect({ tcUrl: null }), sink);
    assert.deepEqual(sink.events, ["connect 10.0.0.1 live"]);
    const other = shaken();
    throwsCode(RejectedError, "ERR_RTMP_URL", () =>
      other.session.push(connect({ tcUrl: null, app: 7 }), other.sink),
    );
    assert.deepEqual(outline(other.sink), ["_error NetConnection.Connect.Rejected"]);
  });

  it("A5-02 a URL that cannot be: _error, then nothing more is taken", () => {
    const { session, sink } = shaken();
    throwsCode(RejectedError, "ERR_RTMP_URL", () =>
      session.push(connect({ tcUrl: "%%%::://" }), sink),
    );
    assert.deepEqual(outline(sink), ["_error NetConnection.Connect.Rejected"]);
    sink.clear();
    const more = connect();
    assert.equal(session.push(more, sink), more.length);
    assert.equal(sink.written.length, 0);
  });

  it("A5-03 app missing, a number or empty", () => {
    for (const app of [null, 5, ""]) {
      const { session, sink } = shaken();
      session.push(connect({ app, tcUrl: "rtmp://h/" }), sink);
      assert.deepEqual(sink.events, ["connect h __defaultApp__"]);
    }
  });

  it("A5-04 a second connect: _error and close", () => {
    const { session, sink } = connected();
    throwsCode(RejectedError, "ERR_RTMP_SECOND_CONNECT", () => session.push(connect(), sink));
    assert.deepEqual(outline(sink), ["_error NetConnection.Connect.Rejected"]);
  });

  it("A5-05 commands before connect: _error Call.Failed, and connect still works", () => {
    const { session, sink } = shaken();
    drive(session, command(0, "createStream", 2, null), sink);
    drive(session, command(1, "publish", 0, null, "s"), sink);
    drive(session, command(1, "play", 0, null, "s"), sink);
    drive(session, command(0, "whatever", 0, null), sink);
    const failed = "_error NetConnection.Call.Failed";
    assert.deepEqual(outline(sink), [failed, failed, failed]);
    drive(session, connect(), sink);
    assert.equal(session.phase, "identify");
  });

  it("A4-15 odd transaction ids are echoed", () => {
    for (const id of [Number.POSITIVE_INFINITY, 1e308, -0]) {
      const { session, sink } = shaken();
      const bytes = command(0, "connect", id, new Map([["tcUrl", "rtmp://h/live"]]));
      drive(session, bytes, sink);
      const echoed = Buffer.from(sink.written).indexOf(Buffer.from(doubleBytes(id)));
      assert.ok(echoed > 0);
    }
  });

  it("an answer that nobody asked for is our own fault", () => {
    const { session, sink } = shaken();
    assert.throws(() => session.acceptConnect(sink), InvariantError);
    assert.throws(() => session.acceptPublish(1, sink), InvariantError);
    assert.throws(() => session.acceptPlay(1, sink), InvariantError);
    assert.throws(() => session.rejectPlay(1, "x", "x", sink), InvariantError);
  });
});

function doubleBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytes;
}

describe("message streams", () => {
  it("B-23 createStream counts from 1 and takes a deleted id again", () => {
    const { session, sink } = connected();
    const ids = (): unknown[] => [...readIds(sink)];
    drive(session, command(0, "createStream", 2, null), sink);
    drive(session, command(0, "createStream", 3, null), sink);
    drive(session, command(0, "deleteStream", 0, null, 1), sink);
    drive(session, command(0, "createStream", 4, null), sink);
    assert.deepEqual(ids(), [1, 2, 1]);
  });

  it("A5-13 more than 8", () => {
    const { session, sink } = connected();
    for (let count = 0; count < 8; count++) {
      drive(session, command(0, "createStream", 2, null), sink);
    }
    throwsCode(LimitError, "ERR_RTMP_STREAM_LIMIT", () =>
      drive(session, command(0, "createStream", 2, null), sink),
    );
  });
});

function* readIds(sink: Recorder): Generator<number> {
  // The value is the last 8 bytes of each reply.
  for (const bytes of sink.chunks) {
    yield new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 8).getFloat64(0);
  }
}

describe("control messages", () => {
  it("A3-15 A3-05 short ones", () => {
    const shorts: ReadonlyArray<readonly [number, readonly number[]]> = [
      [4, []],
      [4, [0]],
      [4, [0, 6]],
      [4, [0, 6, 1, 2, 3]],
      [4, [0, 3, 0, 0]],
      [5, [1, 2, 3]],
      [6, [1]],
      [3, [1, 2]],
    ];
    for (const [type, payload] of shorts) {
      const { session, sink } = connected();
      throwsCode(ProtocolError, "ERR_RTMP_CONTROL_SHORT", () =>
        session.push(message(type, payload), sink),
      );
    }
  });

  it("A3-16 A3-17 A3-20 A3-13 A3-21 A2-17 A2-19 what is swallowed", () => {
    const { session, sink } = connected();
    const swallowed: ReadonlyArray<readonly [number, readonly number[]]> = [
      [4, [0, 31, 0]],
      [4, [0, 32]],
      [4, [0, 8]],
      [4, [0, 5]],
      [4, [0, 3, 0, 0, 0, 1]],
      [4, [0, 3, 0, 0, 0, 1, 255, 255, 255, 255]],
      [4, [0, 7, 1, 2, 3, 4]],
      [3, [255, 255, 255, 255]],
      [3, [0, 0, 0, 1, 9]],
      [16, [1]],
      [19, [1]],
      [0, [1]],
      [7, [1]],
      [23, [1]],
      [255, [1]],
    ];
    for (const [type, payload] of swallowed) {
      drive(session, message(type, payload), sink);
    }
    for (const type of [3, 5, 6, 8, 9, 15, 18, 20, 22, 99]) {
      drive(session, message(type, []), sink);
    }
    drive(session, command(0, "_result", 1, null), sink);
    drive(session, command(0, "onStatus", 0, null, new Map()), sink);
    assert.equal(sink.written.length, 0);
    assert.deepEqual(sink.events, []);
    assert.equal(session.phase, "identify");
  });

  it("A2-06 control on any chunk stream, commands on chunk stream 2", () => {
    const { session, sink } = connected();
    drive(session, message(4, [0, 6, 0, 0, 0, 9], { chunkStreamId: 77 }), sink);
    const bytes = command(0, "createStream", 2, null);
    bytes[0] = 2;
    drive(session, bytes, sink);
    assert.deepEqual(outline(sink), ["type 4 000700000009", "_result"]);
  });

  it("L10 A3-19 the token bucket empties at once and refills with time", () => {
    const { session, sink, host } = connected();
    const ping = message(4, [0, 6, 0, 0, 0, 9], { chunkStreamId: 2 });
    const many = concat(...Array.from({ length: 900 }, () => ping));
    drive(session, many, sink);
    host.now += 5000;
    drive(session, many, sink);
    throwsCode(LimitError, "ERR_RTMP_MESSAGE_RATE", () => session.push(many, sink));
  });

  it("L10 a long silence saves up no more than the burst", () => {
    const { session, sink, host } = connected();
    const ping = message(4, [0, 6, 0, 0, 0, 9], { chunkStreamId: 2 });
    host.now += 1_000_000;
    throwsCode(LimitError, "ERR_RTMP_MESSAGE_RATE", () =>
      session.push(concat(...Array.from({ length: 1001 }, () => ping)), sink),
    );
  });

  it("A2-18 zero-length media counts as well", () => {
    const { session, sink } = connected();
    const empty = message(9, []);
    throwsCode(LimitError, "ERR_RTMP_MESSAGE_RATE", () =>
      session.push(concat(...Array.from({ length: 1100 }, () => empty)), sink),
    );
  });

  it("A3-07 Set Chunk Size counts as well", () => {
    const { session, sink } = connected();
    const size = message(1, [0, 0, 0, 128], { chunkStreamId: 2 });
    throwsCode(LimitError, "ERR_RTMP_MESSAGE_RATE", () =>
      session.push(concat(...Array.from({ length: 1100 }, () => size)), sink),
    );
  });

  it("I7 replies before publish or play stay in proportion", () => {
    const { session, sink } = shaken();
    // 29 bytes in, 134 out: fewer than the message rate allows.
    const ask = command(0, "play", 0, null, "");
    const many = concat(...Array.from({ length: 400 }, () => ask));
    throwsCode(LimitError, "ERR_RTMP_REPLIES", () => session.push(many, sink));
  });
});
