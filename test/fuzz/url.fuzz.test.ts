import assert from "node:assert/strict";
import { test } from "node:test";
import { RejectedError } from "../../src/protocol/errors.ts";
import {
  APP_BYTES_MAX,
  QUERY_BYTES_MAX,
  QUERY_PARAMETERS_MAX,
  STREAM_BYTES_MAX,
  VHOST_BYTES_MAX,
} from "../../src/protocol/limits.ts";
import {
  encodeRtmpUrl,
  parseQuery,
  parseRtmpUrl,
  resolveConnect,
  resolveStreamRequest,
  type StreamRequest,
} from "../../src/protocol/rtmp/stream-url.ts";
import { fuzz } from "./mutator.ts";

const SAFE = /^[\p{L}\p{M}\p{N}._~\-+=@:]+$/u;

function checkNames(request: StreamRequest): void {
  const segments = [...request.app.split("/"), ...request.stream.split("/")];
  for (const segment of segments) {
    assert.match(segment, SAFE);
    assert.doesNotMatch(segment, /^\.+$/);
  }
  assert.match(request.vhost, /^[\w.:-]+$/);
  assert.doesNotMatch(request.vhost, /\.\./);
  assert.doesNotMatch(request.param + request.tcUrl, /[\p{Cc}\p{Zl}\p{Zp}]/u);
  assert.ok(Buffer.byteLength(request.app) <= APP_BYTES_MAX);
  assert.ok(Buffer.byteLength(request.stream) <= STREAM_BYTES_MAX);
  assert.ok(Buffer.byteLength(request.param) <= QUERY_BYTES_MAX + 1);
  assert.ok(Buffer.byteLength(request.vhost) <= VHOST_BYTES_MAX);
  assert.ok(request.port >= 1 && request.port <= 65_535);
  assert.ok(parseQuery(request.param).size <= QUERY_PARAMETERS_MAX);
}

/** What an upstream would be asked for is the same stream. */
function checkUpstream(request: StreamRequest): void {
  if (request.app.length + request.param.length > 1000) {
    return;
  }
  const target = parseRtmpUrl(encodeRtmpUrl({ ...request, server: "origin" }));
  assert.equal(target.app, request.app);
  assert.equal(target.stream, request.stream);
}

function run(bytes: Uint8Array): void {
  const [tcUrl = "", app = "", stream = ""] = Buffer.from(bytes).toString("utf8").split("\n");
  for (const streamFromApp of [false, true]) {
    try {
      resolveConnect({ tcUrl, app, stream: "" });
      const request = resolveStreamRequest({ tcUrl, app, stream, streamFromApp });
      checkNames(request);
      checkUpstream(request);
    } catch (error) {
      assert.ok(error instanceof RejectedError, `${error}`);
    }
  }
}

test("URL rules: only RejectedError escapes and names stay safe", { timeout: 60_000 }, () => {
  fuzz("url", 30_000, run);
});
