/** What viewers by HTTP get for a refusal, and where they are sent. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { refusedViewer } from "../../../src/main/gateways/refused-viewer.ts";
import type { ViewerQuestion } from "../../../src/protocol/control/calls.ts";
import { RejectedError } from "../../../src/protocol/errors.ts";

const QUESTION: ViewerQuestion = {
  ...{ path: "/live/a.m3u8", query: "", host: "of.example:8080", ip: "1.2.3.4", referer: "" },
  ...{ userAgent: "", isSecure: false, passed: "" },
};

function sentTo(url: string, more: Partial<ViewerQuestion>): string | null {
  const error = new RejectedError("redirect", "", "moved", { tcUrl: "", url });
  const { status, location } = refusedViewer(error, { ...QUESTION, ...more });
  assert.equal(status, 302);
  return location;
}

test("a redirect keeps scheme, port, path and query, and names the vhost once", () => {
  const far = "rtmp://10.0.0.2:1935/live/a";
  const there = "10.0.0.2:8080/live/a.m3u8";
  assert.equal(sentTo(far, {}), `http://${there}`);
  assert.equal(sentTo(far, { query: "t=1&b=%2F", isSecure: true }), `https://${there}?t=1&b=%2F`);
  assert.equal(sentTo(far, { host: "of.example" }), "http://10.0.0.2/live/a.m3u8");
  const named = `${far}?t=1&vhost=of.example`;
  assert.equal(sentTo(named, { query: "t=1" }), `http://${there}?t=1&vhost=of.example`);
  assert.equal(sentTo(named, { query: "vhost=x" }), `http://${there}?vhost=x`);
  assert.equal(
    sentTo("rtmp://[fd00::2]:1935/live/a?vhost=a%26b", {}),
    "http://[fd00::2]:8080/live/a.m3u8?vhost=a%26b",
  );
});

test("other refusals have a status and no place", () => {
  for (const [code, status] of [
    ["ERR_STREAM_NOT_FOUND", 404],
    ["ERR_EDGE_LOOP", 508],
    ["ERR_REFERER", 403],
    ["ERR_LIMIT_TOKEN", 429],
    ["ERR_LIMIT_ADDRESS", 429],
    ["ERR_LIMIT_STREAM", 503],
    ["ERR_LIMIT_PLAYERS", 503],
  ] as const) {
    const refused = refusedViewer(new RejectedError(code, "", "no"), QUESTION);
    assert.deepEqual(refused, { status, description: "no", location: null });
  }
});
