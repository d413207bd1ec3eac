import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RejectedError } from "../../../src/protocol/errors.ts";
import { encodeRtmpUrl, encodeTcUrl, parseRtmpUrl } from "../../../src/protocol/rtmp/stream-url.ts";

describe("upstream URLs (SRS 3.5, F-39 ParseRTMPURL GenerateURL GenerateTcUrl)", () => {
  it("user parameters travel in the stream name, the vhost in tcUrl", () => {
    const target = parseRtmpUrl("rtmp://origin:19350/live/show?token=abc&vhost=demo.com");
    assert.equal(target.host, "origin");
    assert.equal(target.port, 19_350);
    assert.equal(target.app, "live");
    assert.equal(target.tcUrl, "rtmp://demo.com:19350/live");
    assert.equal(target.streamName, "show?token=abc");
  });

  it("the default vhost leaves the host in tcUrl and nothing in the name", () => {
    const target = parseRtmpUrl("rtmp://127.0.0.1:1935/live/show?vhost=__defaultVhost__");
    assert.equal(target.tcUrl, "rtmp://127.0.0.1/live");
    assert.equal(target.streamName, "show");
  });

  it("slashes in parameters stay there; IPv6 keeps its brackets", () => {
    const target = parseRtmpUrl("rtmp://[::1]:1936/a/b/show?token=x/y");
    assert.equal(target.app, "a/b");
    assert.equal(target.streamName, "show?token=x/y");
    assert.equal(target.tcUrl, "rtmp://[::1]:1936/a/b");
  });

  it("refuses a URL without a stream", () => {
    for (const url of ["rtmp://h", "rtmp://h/", "rtmp://h/live/", "nonsense"]) {
      assert.throws(() => parseRtmpUrl(url), RejectedError, url);
    }
  });

  it("encodeRtmpUrl adds the vhost unless it is there", () => {
    const base = { server: "o", port: 1935, host: "1.2.3.4", app: "live", stream: "s" };
    const url = (vhost: string, param: string, host = base.host): string =>
      encodeRtmpUrl({ ...base, host, vhost, param });
    assert.equal(url("v", ""), "rtmp://o:1935/live/s?vhost=v");
    assert.equal(url("v", "?a=1"), "rtmp://o:1935/live/s?a=1&vhost=v");
    assert.equal(url("v", "?vhost=w&a=1"), "rtmp://o:1935/live/s?vhost=w&a=1");
    assert.equal(url("__defaultVhost__", "?a=1"), "rtmp://o:1935/live/s?a=1");
    assert.equal(url("__defaultVhost__", "", "cdn.net"), "rtmp://o:1935/live/s?vhost=cdn.net");
  });

  it("encodeTcUrl leaves out the scheme's own port", () => {
    const parts = { schema: "rtmp", host: "h", app: "live", vhost: "v" };
    assert.equal(encodeTcUrl({ ...parts, port: 1935 }), "rtmp://v/live");
    assert.equal(encodeTcUrl({ ...parts, port: 1936 }), "rtmp://v:1936/live");
    const plain = { ...parts, vhost: "__defaultVhost__", port: 443, schema: "rtmps" };
    assert.equal(encodeTcUrl(plain), "rtmps://h/live");
  });
});
