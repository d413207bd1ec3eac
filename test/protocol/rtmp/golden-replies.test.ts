/** B-09, F-35, F-72: chunk stream, message stream, type, format and every byte of what the server writes. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  encodePlayReplies,
  encodeStreamStatus,
  encodeUserControl,
  ServerSession,
} from "../../../src/protocol/rtmp/server-session.ts";
import type { Pairs } from "./golden-wire.ts";
import { ecma, hex, NULL, number, object, status, text, UNDEFINED, wire } from "./golden-wire.ts";
import {
  command,
  concat,
  connect,
  drive,
  handshakeBytes,
  message,
  openHost,
  Recorder,
} from "./session-harness.ts";

const CHUNK = 60_000;
const CLIENT_ID: Pairs = [["clientid", text("ASAICiss")]];
const serverInfo = { ip: "10.0.0.9", pid: 77, id: "abc123", name: "weir", version: "0.1.0" };

function open(extra: Parameters<typeof connect>[0] = {}): {
  session: ServerSession;
  sink: Recorder;
} {
  const session = new ServerSession(openHost(), { serverInfo });
  const sink = new Recorder();
  drive(session, handshakeBytes(), sink);
  sink.clear();
  drive(session, connect(extra), sink);
  return { session, sink };
}

/** What the server writes in answer to these bytes, after connect. */
function answers(...input: readonly Uint8Array[]): string {
  const { session, sink } = open();
  sink.clear();
  drive(session, concat(...input), sink);
  return hex(sink.written);
}

function onStatus(msid: number, information: readonly number[]): number[] {
  const place = { csid: 5, type: 20, msid, chunkSize: CHUNK };
  return wire(place, [...text("onStatus"), ...number(0), ...NULL, ...information]);
}

function result(transactionId: number, value: readonly number[], msid = 0): number[] {
  const place = { csid: 3, type: 20, msid, chunkSize: CHUNK };
  return wire(place, [...text("_result"), ...number(transactionId), ...NULL, ...value]);
}

function notice(name: string, code: string, description: string): number[] {
  const information = object([
    ["code", text(code)],
    ["description", text(description)],
  ]);
  const place = { csid: 5, type: 20, msid: 1, chunkSize: CHUNK };
  return wire(place, [...text(name), ...number(0), ...NULL, ...information]);
}

const CONNECT_CONTROL =
  "020000000000040500000000" + // csid 2, fmt 0, time 0, 4 bytes, type 5, msid 0
  "002625a0" + // 2500000
  "020000000000050600000000" +
  "002625a002" + // dynamic
  "020000000000040100000000" +
  "0000ea60"; // 60000

const DATA: Pairs = [
  ["version", text("3,5,3,888")],
  ["srs_sig", text("weir")],
  ["srs_server", text("weir/0.1.0")],
  ["srs_license", text("MIT")],
  ["srs_url", text("")],
  ["srs_version", text("0.1.0")],
  ["srs_authors", text("")],
  ["srs_server_ip", text("10.0.0.9")],
  ["srs_pid", number(77)],
  ["srs_id", text("abc123")],
];

function connectResult(objectEncoding: number, properties: Pairs = []): number[] {
  const place = { csid: 3, type: 20, msid: 0, chunkSize: CHUNK };
  return wire(place, [
    ...text("_result"),
    ...number(1),
    ...object([
      ["fmsVer", text("FMS/3,5,3,888")],
      ["capabilities", number(127)],
      ["mode", number(1)],
      ...properties,
    ]),
    ...status("status", "NetConnection.Connect.Success", "Connection succeeded", [
      ["objectEncoding", number(objectEncoding)],
      ["data", ecma(DATA)],
    ]),
  ]);
}

const ON_BW_DONE = wire({ csid: 3, type: 20, msid: 0, chunkSize: CHUNK }, [
  ...text("onBWDone"),
  ...number(0),
  ...NULL,
]);

describe("golden bytes of NetConnection", () => {
  it("B-19 connect: WindowAckSize, SetPeerBandwidth, SetChunkSize, _result, onBWDone", () => {
    const expected = CONNECT_CONTROL + hex([...connectResult(0), ...ON_BW_DONE]);
    assert.equal(hex(open().sink.written), expected);
  });

  it("B-25 objectEncoding 3 is echoed and the reply stays AMF0 type 20", () => {
    const expected = CONNECT_CONTROL + hex([...connectResult(3), ...ON_BW_DONE]);
    assert.equal(hex(open({ objectEncoding: 3 }).sink.written), expected);
  });

  it("B-57 an enhanced client hears what is relayed", () => {
    const any = object([["*", number(4)]]);
    const properties: Pairs = [
      ["fourCcList", [0x0a, 0, 0, 0, 1, ...text("*")]],
      ["videoFourCcInfoMap", any],
      ["audioFourCcInfoMap", any],
      ["capsEx", number(2 | 4)],
    ];
    const expected = CONNECT_CONTROL + hex([...connectResult(0, properties), ...ON_BW_DONE]);
    assert.equal(hex(open({ fourCcList: ["hvc1"] }).sink.written), expected);
  });

  it("createStream", () => {
    assert.equal(
      answers(command(0, "createStream", 4, null)),
      "0300000000001d1400000000" +
        "0200075f726573756c74" +
        "004010000000000000" +
        "05" +
        "003ff0000000000000",
    );
  });

  it("releaseStream and FCPublish: _result null undefined", () => {
    assert.equal(
      answers(command(0, "releaseStream", 2, null, "s"), command(0, "FCPublish", 3, null, "s")),
      hex([...result(2, UNDEFINED), ...result(3, UNDEFINED)]),
    );
  });

  it("A5-16 unknown commands: _result null with a transaction id, nothing without", () => {
    const expected = wire({ csid: 3, type: 20, msid: 0, chunkSize: CHUNK }, [
      ...text("_result"),
      ...number(9),
      ...NULL,
    ]);
    assert.equal(answers(command(0, "_checkbw", 9, null)), hex(expected));
    assert.equal(answers(command(0, "_checkbw", 0, null)), "");
  });

  it("getStreamLength (B-02)", () => {
    assert.equal(answers(command(0, "getStreamLength", 3, null, "s")), hex(result(3, number(0))));
  });

  it("A3-18 ping", () => {
    assert.equal(
      answers(message(4, [0, 6, 0xde, 0xad, 0xbe, 0xef], { chunkStreamId: 2 })),
      "020000000000060400000000" + "0007deadbeef",
    );
  });

  it("A3-14 SetPeerBandwidth is answered once when it changes the window", () => {
    const change = message(6, [0, 0x10, 0, 0, 2]);
    assert.equal(answers(change, change), "020000000000040500000000" + "00100000");
    assert.equal(answers(message(6, [0, 0x26, 0x25, 0xa0, 2])), "");
    assert.equal(answers(message(6, [0, 0x10, 0, 0, 7])), "");
  });

  it("rejected connect: _error, in chunks of 128 bytes", () => {
    const session = new ServerSession(openHost(), {});
    const sink = new Recorder();
    session.push(handshakeBytes(), sink);
    sink.clear();
    session.push(connect(), sink);
    session.rejectConnect("NetConnection.Connect.Rejected", "No such vhost.", sink);
    const place = { csid: 3, type: 20, msid: 0, chunkSize: 128 };
    const expected = wire(place, [
      ...text("_error"),
      ...number(1),
      ...NULL,
      ...status("error", "NetConnection.Connect.Rejected", "No such vhost."),
    ]);
    assert.equal(hex(sink.written), hex(expected));
  });
});

describe("golden bytes of publishing", () => {
  const STARTED = onStatus(
    1,
    status("status", "NetStream.Publish.Start", "Started publishing stream.", CLIENT_ID),
  );
  const UNPUBLISHED = onStatus(
    1,
    status("status", "NetStream.Unpublish.Success", "Stream is now unpublished", CLIENT_ID),
  );

  it("Flash: onStatus Publish.Start", () => {
    assert.equal(
      answers(command(0, "createStream", 2, null), command(1, "publish", 3, null, "s", "live")),
      hex([...result(2, number(1)), ...STARTED]),
    );
  });

  it("FMLE: onFCPublish, then onStatus; FCUnpublish: onFCUnpublish, _result, onStatus (B-76)", () => {
    const started = "Started publishing stream.";
    const stopped = "Stop publishing stream.";
    assert.equal(
      answers(
        command(0, "FCPublish", 2, null, "s"),
        command(0, "createStream", 3, null),
        command(1, "publish", 4, null, "s", "live"),
        command(0, "FCUnpublish", 5, null, "s"),
      ),
      hex([
        ...result(2, UNDEFINED),
        ...result(3, number(1)),
        ...notice("onFCPublish", "NetStream.Publish.Start", started),
        ...STARTED,
        ...notice("onFCUnpublish", "NetStream.Unpublish.Success", stopped),
        ...result(5, UNDEFINED, 1),
        ...UNPUBLISHED,
      ]),
    );
  });

  it("refused: onStatus of level error", () => {
    const { session, sink } = open();
    session.push(concat(command(0, "createStream", 2, null)), sink);
    session.push(command(1, "publish", 3, null, "s"), sink);
    sink.clear();
    session.rejectPublish(1, "NetStream.Publish.BadName", "Busy.", sink);
    const expected = onStatus(1, status("error", "NetStream.Publish.BadName", "Busy.", CLIENT_ID));
    assert.equal(hex(sink.written), hex(expected));
  });
});

describe("golden bytes of playing", () => {
  const details: Pairs = [["details", text("stream")], ...CLIENT_ID];
  const RESET = status("status", "NetStream.Play.Reset", "Playing and resetting stream.", details);
  const START = status("status", "NetStream.Play.Start", "Started playing stream.", details);
  const BEGIN = "020000000000060400000000" + "000000000001";
  const SAMPLE_ACCESS =
    "050000000000181201000000" + "0200117c52746d7053616d706c65416363657373" + "0101" + "0101";

  it("B-70 B-71 StreamBegin, Reset, Start, |RtmpSampleAccess", () => {
    const status2 = hex([...onStatus(1, RESET), ...onStatus(1, START)]);
    assert.equal(
      answers(command(0, "createStream", 2, null), command(1, "play", 3, null, "s")),
      hex(result(2, number(1))) + BEGIN + status2 + SAMPLE_ACCESS,
    );
    assert.equal(
      hex(encodePlayReplies(1, CHUNK, true)),
      `0200000000000401000000000000ea60${BEGIN}${status2}${SAMPLE_ACCESS}`,
    );
  });

  it("the preamble is in chunks of the announced size", () => {
    const place = { csid: 5, type: 20, msid: 1, chunkSize: 128 };
    const reset = wire(place, [...text("onStatus"), ...number(0), ...NULL, ...RESET]);
    const start = wire(place, [...text("onStatus"), ...number(0), ...NULL, ...START]);
    assert.equal(
      hex(encodePlayReplies(1, 128, false)),
      BEGIN + hex([...reset, ...start]) + SAMPLE_ACCESS,
    );
  });

  it("A5-18 pause, resume, seek", () => {
    const play = [command(0, "createStream", 2, null), command(1, "play", 3, null, "s")];
    const { session, sink } = open();
    drive(session, concat(...play), sink);
    sink.clear();
    drive(session, command(1, "pause", 4, null, true, 0), sink);
    const paused = onStatus(1, status("status", "NetStream.Pause.Notify", "Paused stream."));
    assert.equal(hex(sink.written), `${hex(paused)}020000000000060400000000000100000001`);
    sink.clear();
    drive(session, command(1, "pause", 4, null, false, 0), sink);
    const resumed = onStatus(1, status("status", "NetStream.Unpause.Notify", "Unpaused stream."));
    assert.equal(hex(sink.written), `${hex(resumed)}020000000000060400000000000000000001`);
    sink.clear();
    drive(session, command(1, "seek", 5, null, 1000), sink);
    const failed = status(
      "error",
      "NetStream.Seek.Failed",
      "A live stream cannot seek.",
      CLIENT_ID,
    );
    assert.equal(hex(sink.written), hex(onStatus(1, failed)));
  });

  it("B-72 UnpublishNotify and StreamEof for all players alike", () => {
    const information = status(
      "status",
      "NetStream.Play.UnpublishNotify",
      "s is now unpublished.",
      CLIENT_ID,
    );
    assert.equal(
      hex(
        encodeStreamStatus(
          1,
          "status",
          "NetStream.Play.UnpublishNotify",
          "s is now unpublished.",
          CHUNK,
        ),
      ),
      hex(onStatus(1, information)),
    );
    assert.equal(hex(encodeUserControl(1, 1)), "020000000000060400000000" + "000100000001");
  });

  it("B-62 redirect: SRS's 302 on message stream 0, then the refusal", () => {
    const { session, sink } = open();
    drive(session, command(0, "createStream", 2, null), sink);
    session.push(command(1, "play", 3, null, "s"), sink);
    sink.clear();
    const redirect = { tcUrl: "rtmp://o/live", url: "rtmp://o/live/s" };
    session.rejectPlay(1, "NetStream.Play.Failed", "Elsewhere.", sink, redirect);
    const extension: Pairs = [
      [
        "ex",
        object([
          ["code", number(302)],
          ["redirect", text(redirect.tcUrl)],
          ["redirect2", text(redirect.url)],
        ]),
      ],
    ];
    const moved = status("error", "NetConnection.Connect.Rejected", "RTMP 302 Redirect", extension);
    const failed = status("error", "NetStream.Play.Failed", "Elsewhere.", CLIENT_ID);
    assert.equal(hex(sink.written), hex([...onStatus(0, moved), ...onStatus(1, failed)]));
  });
});

describe("golden bytes of notices", () => {
  it("B-61 ReconnectRequest only to a client that asked and was offered it", () => {
    const start = (offerReconnect: boolean, capsEx: number): [ServerSession, Recorder] => {
      const session = new ServerSession(openHost(), { serverInfo, offerReconnect });
      const sink = new Recorder();
      drive(session, concat(handshakeBytes(), connect({ capsEx })), sink);
      sink.clear();
      return [session, sink];
    };
    for (const [offered, capsEx] of [
      [true, 2],
      [false, 1],
    ] as const) {
      const [session, sink] = start(offered, capsEx);
      assert.equal(session.requestReconnect("", "Bye.", sink), false);
      assert.equal(sink.written.length, 0);
    }
    const [session, sink] = start(true, 1);
    assert.equal(session.requestReconnect("rtmp://o/live", "Bye.", sink), true);
    const place = { csid: 3, type: 20, msid: 0, chunkSize: CHUNK };
    const information = object([
      ["tcUrl", text("rtmp://o/live")],
      ["code", text("NetConnection.Connect.ReconnectRequest")],
      ["description", text("Bye.")],
      ["level", text("status")],
    ]);
    const expected = wire(place, [...text("onStatus"), ...number(0), ...NULL, ...information]);
    assert.equal(hex(sink.written), hex(expected));
  });

  it("acknowledgement at half the window", () => {
    const { session, sink } = open();
    drive(session, message(5, [0, 0, 0x20, 0]), sink);
    sink.clear();
    drive(session, message(20, [], {}), sink);
    const before = session.decoder.bytesReceived;
    assert.equal(hex(sink.written), "");
    drive(session, message(9, new Uint8Array(4096)), sink);
    const total = session.decoder.bytesReceived;
    assert.ok(total - before >= 4096);
    const sequence = total.toString(16).padStart(8, "0");
    assert.equal(hex(sink.written), `020000000000040300000000${sequence}`);
  });
});
