/** HTTP, WebSocket, HLS and transport stream as the bench's clients read them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { greet } from "../../bench/floor/greeting.ts";
import { decodePlaylist, resolveUri } from "../../bench/hls/playlist.ts";
import { TsSkimmer } from "../../bench/hls/ts-skimmer.ts";
import { ResponseReader } from "../../bench/http/response-reader.ts";
import { encodeClientFrame, WebSocketReader } from "../../bench/http/web-socket-reader.ts";
import { videoStampOffset } from "../../bench/media/codecs.ts";
import { rtmpPackaging } from "../../bench/media/packaging.ts";
import { readSequence, readTimeUs } from "../../bench/media/stamp.ts";
import { REFERENCE_SHAPE } from "../../bench/media/stream-shape.ts";
import { cutSizes, pushCut } from "./cuts.ts";
import { eachFrame } from "./frames.ts";
import { makeTransportStream } from "./transport-stream.ts";

const LIMIT = { timeout: 30_000 };

interface HeardResponse {
  status: number;
  body: string;
  isWhole: boolean;
}

function hear(text: string, sizes: readonly number[]): HeardResponse[] {
  const heard: HeardResponse[] = [];
  const reader = new ResponseReader();
  const last = (): HeardResponse => heard.at(-1) ?? assert.fail("no head yet");
  const sink = {
    head: (status: number) => void heard.push({ status, body: "", isWhole: false }),
    body: (bytes: Uint8Array, start: number, end: number) => {
      last().body += Buffer.from(bytes.subarray(start, end)).toString("latin1");
    },
    end: () => {
      last().isWhole = true;
    },
  };
  pushCut(Buffer.from(text, "latin1"), sizes, (bytes, start, end) =>
    reader.push(bytes, start, end, sink),
  );
  return heard;
}

describe("ResponseReader", () => {
  const responses = [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3\r\nabc\r\nA;x=1\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    "HTTP/1.0 200 OK\r\n\r\nuntil the end",
  ];

  test("several on one connection, however cut", LIMIT, () => {
    fc.assert(
      fc.property(cutSizes, (sizes) => {
        assert.deepEqual(hear(responses.join(""), sizes), [
          { status: 200, body: "hello", isWhole: true },
          { status: 404, body: "", isWhole: true },
          { status: 200, body: "abc0123456789", isWhole: true },
          { status: 304, body: "", isWhole: true },
          { status: 200, body: "until the end", isWhole: false },
        ]);
      }),
    );
  });

  test("bytes of a body that were taken elsewhere end it as well", LIMIT, () => {
    const heard: (string | number)[] = [];
    const reader = new ResponseReader();
    const sink = {
      head: (status: number) => void heard.push(status),
      body: (_: Uint8Array, start: number, end: number) => void heard.push(end - start),
      end: () => void heard.push("end"),
    };
    const push = (text: string): void => {
      const bytes = Buffer.from(text, "latin1");
      reader.push(bytes, 0, bytes.length, sink);
    };
    assert.equal(reader.bodyLeft, 0);
    push("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
    assert.equal(reader.bodyLeft, 6);
    reader.skip(2, sink);
    reader.skip(4, sink);
    assert.equal(reader.bodyLeft, 0);
    push("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n2\r\na");
    // How much of it is to come nobody knows: nothing may be skipped.
    assert.equal(reader.bodyLeft, 0);
    assert.deepEqual(heard, [200, 3, "end", 404, 1]);
  });

  test("what is no response is refused", LIMIT, () => {
    assert.throws(() => hear("SSH-2.0-x\r\n\r\n", [99]), /no HTTP response/);
    assert.throws(() => hear("x".repeat(20_000), [3000]), /without end/);
    const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert.throws(() => hear(`${chunked}zz\r\n`, [99]), /without a size/);
  });
});

describe("WebSocket", () => {
  test("the floor's answer to a key is that of RFC 6455 §1.3", LIMIT, () => {
    const answer = greet(
      "ws-flv",
      "GET / HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    );
    assert.match(Buffer.from(answer).toString("latin1"), /: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
  });

  test("a masked frame from a server is refused", LIMIT, () => {
    const frame = encodeClientFrame(10, Uint8Array.from([1]));
    assert.deepEqual([...frame], [0x8a, 0x81, 0, 0, 0, 0, 1]);
    const sink = { data: () => undefined, control: () => undefined };
    assert.throws(() => new WebSocketReader().push(frame, 0, frame.length, sink), /masked/);
  });
});

describe("playlists", () => {
  test("a media playlist", LIMIT, () => {
    const text =
      "#EXTM3U\r\n#EXT-X-TARGETDURATION:2\r\n#EXT-X-MEDIA-SEQUENCE:7\r\n#EXTINF:2.0,\r\nx-7.ts\r\n#EXTINF:1.980, no desc\r\nx-8.ts\r\n";
    assert.deepEqual(decodePlaylist(text), {
      variant: "",
      targetDurationMs: 2000,
      lastDurationMs: 1980,
      firstSequence: 7,
      segments: ["x-7.ts", "x-8.ts"],
      isEnded: false,
    });
  });

  test("a multivariant playlist leads to its first variant", LIMIT, () => {
    const { variant, segments } = decodePlaylist(
      "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n/live/x.m3u8?ctx=1\n",
    );
    assert.equal(variant, "/live/x.m3u8?ctx=1");
    assert.deepEqual(segments, []);
  });

  test("URIs are resolved against their playlist", LIMIT, () => {
    assert.equal(resolveUri("/live/x.m3u8", "x-7.ts?a=1"), "/live/x-7.ts?a=1");
    assert.equal(resolveUri("/live/x.m3u8", "/hls/x-7.ts"), "/hls/x-7.ts");
  });

  test("what is none is refused", LIMIT, () => {
    assert.throws(() => decodePlaylist("<html>"), /no playlist/);
  });
});

describe("TsSkimmer", () => {
  const stream = makeTransportStream();

  test("finds the stamp of every video frame, however cut", LIMIT, () => {
    const wanted = [...eachFrame(REFERENCE_SHAPE, rtmpPackaging(1_000_000))]
      .map(({ frame }) => frame)
      .filter(({ isVideo }) => isVideo)
      .map(({ sequence, timeUs }) => [sequence === 0, sequence, timeUs]);
    assert.equal(videoStampOffset("avc-high"), 10);
    fc.assert(
      fc.property(cutSizes, (sizes) => {
        const found: unknown[] = [];
        const skimmer = new TsSkimmer();
        const frame = (isKey: boolean, bytes: Uint8Array, at: number): void => {
          found.push([isKey, readSequence(bytes, at), readTimeUs(bytes, at)]);
        };
        pushCut(stream, sizes, (bytes, start, end) => skimmer.push(bytes, start, end, { frame }));
        assert.deepEqual(found, wanted);
        assert.equal(skimmer.unread, 0);
      }),
      { numRuns: 25 },
    );
  });

  test("bytes out of step are refused", LIMIT, () => {
    const push = (): void =>
      pushCut(stream.subarray(1, 1000), [400], (bytes, start, end) =>
        new TsSkimmer().push(bytes, start, end, { frame: () => undefined }),
      );
    assert.throws(push, /sync/);
  });
});
