import assert from "node:assert/strict";
import { describe, it } from "node:test";
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

function connected(options: ConstructorParameters<typeof ServerSession>[1] = {}): {
  session: ServerSession;
  sink: Recorder;
} {
  const session = new ServerSession(openHost(), options);
  const sink = new Recorder();
  drive(session, concat(handshakeBytes(), connect()), sink);
  sink.clear();
  return { session, sink };
}

describe("acknowledgements", () => {
  function acks(sink: Recorder): number[] {
    return outline(sink)
      .filter((line) => line.startsWith("type 3 "))
      .map((line) => Number.parseInt(line.slice(7), 16));
  }

  it("B-21 at half of 2.5 MB when the client names no window", () => {
    const { session, sink } = connected();
    drive(session, command(0, "createStream", 2, null), sink);
    drive(session, command(1, "publish", 3, null, "s"), sink);
    session.push(message(1, [0, 0, 255, 255], { chunkStreamId: 2 }), sink);
    sink.clear();
    const header = [6, 0, 0, 0, 0, 0xff, 0xff, 9, 1, 0, 0, 0];
    const frame = concat(Uint8Array.from(header), new Uint8Array(65_535));
    for (let count = 0; count < 19; count++) {
      drive(session, frame, sink);
    }
    assert.deepEqual(acks(sink), []);
    drive(session, frame, sink);
    assert.deepEqual(acks(sink), [session.decoder.bytesReceived]);
  });

  it("A3-08 a window of 0 switches them off; A3-09 a window of 1 means one a push", () => {
    const off = connected();
    drive(off.session, message(5, [0, 0, 0, 0]), off.sink);
    drive(off.session, message(9, new Uint8Array(10_000)), off.sink);
    assert.deepEqual(acks(off.sink), []);
    const { session, sink } = connected();
    drive(session, message(5, [0, 0, 0, 1]), sink);
    sink.clear();
    drive(
      session,
      concat(...Array.from({ length: 40 }, () => message(9, new Uint8Array(1000)))),
      sink,
    );
    assert.deepEqual(acks(sink), [session.decoder.bytesReceived]);
    drive(session, message(9, new Uint8Array(1000)), sink);
    assert.equal(acks(sink).length, 1);
  });

  it("A3-11 the number wraps at 2^32 and keeps coming", () => {
    const { session, sink } = connected();
    drive(session, message(5, [0, 0, 0x10, 0]), sink);
    session.decoder.bytesReceived = 2 ** 32 - 200;
    drive(session, message(9, []), sink);
    sink.clear();
    const seen: number[] = [];
    let last = session.decoder.bytesReceived;
    for (let count = 0; count < 10; count++) {
      drive(session, message(9, new Uint8Array(1000)), sink);
      for (const ack of acks(sink)) {
        assert.equal(ack, session.decoder.bytesReceived % 2 ** 32);
        assert.ok(session.decoder.bytesReceived - last < 4096);
        last = session.decoder.bytesReceived;
        seen.push(ack);
      }
      sink.clear();
    }
    assert.equal(seen.length, 3);
    assert.ok(seen.every((ack) => ack < 20_000));
  });

  it("the number counts from the first byte of the handshake", () => {
    const { session } = connected();
    assert.equal(session.decoder.bytesReceived, handshakeBytes().length + connect().length);
  });

  it("inAckSize stands until the client names a window", () => {
    const { session, sink } = connected({ inAckSize: 10_000 });
    drive(session, message(9, new Uint8Array(6000)), sink);
    assert.equal(acks(sink).length, 1);
  });
});
