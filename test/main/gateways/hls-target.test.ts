/** Which stream of which vhost a request for a playlist names: one vhost decides everything about it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { hlsTargetOf } from "../../../src/main/gateways/hls-target.ts";
import { decodeConfig } from "../../../src/protocol/conf/config.ts";
import type { HlsQuestion } from "../../../src/protocol/control/calls.ts";
import { RejectedError } from "../../../src/protocol/errors.ts";

const TEXT = `
  listen 1935; daemon off;
  vhost open { hls { enabled on; hls_ctx off; } }
  vhost closed { hls { enabled on; } }
  vhost off { }
  vhost deep { hls { enabled on; hls_m3u8_file [vhost]/[app]/[stream]/index.m3u8; } }
`;
const { config } = decodeConfig(TEXT, "x.conf", { include: () => "", environment: {} });

function question(host: string, path: string, query = ""): HlsQuestion {
  const rest = { referer: "", userAgent: "", isSecure: false, passed: "", session: "" };
  return { path, query, host, ip: "1.2.3.4", isHead: false, ...rest };
}

/** `vhost app/stream`, "" where HLS has nothing to do with it, or the code of the refusal. */
function target(host: string, path: string, query = ""): string {
  try {
    const found = hlsTargetOf(config, question(host, path, query));
    if (found === null) {
      return "";
    }
    const { request, vhost } = found;
    assert.equal(request.vhost, vhost.name, "rules of one vhost and settings of another");
    return `${vhost.name} ${request.app}/${request.stream}`;
  } catch (error) {
    assert.ok(error instanceof RejectedError, String(error));
    return error.code;
  }
}

describe("a playlist's request", () => {
  test("names its vhost by its host or its query", () => {
    assert.equal(target("open:8080", "/live/a.m3u8"), "open live/a");
    assert.equal(target("OPEN", "/live/a.m3u8"), "open live/a");
    assert.equal(target("open", "/live/a.m3u8", "vhost=closed"), "closed live/a");
    assert.equal(target("open", "/live/a.m3u8", "v%68ost=closed&vhost=open"), "closed live/a");
    assert.equal(target("deep", "/deep/live/a/index.m3u8"), "deep live/a");
  });

  test("names it by `domain` too, as in SRS", () => {
    for (const query of [
      "domain=closed",
      "x=1&domain=closed",
      "vhost=&domain=closed",
      "%64omain=closed",
    ]) {
      assert.equal(target("open", "/live/a.m3u8", query), "closed live/a", query);
    }
  });

  test("that names two vhosts is nobody's", () => {
    assert.equal(target("open", "/live...vhost...closed/a.m3u8"), "");
    assert.equal(target("open", "/live/a...vhost...closed.m3u8"), "");
    assert.equal(target("open", "/live%3Fvhost=closed/a.m3u8"), "");
    assert.equal(target("open", "/live/a%3Fvhost=closed&b.m3u8"), "");
  });

  test("of other shapes, vhosts without HLS, and what is no text are somebody else's", () => {
    for (const [host, path] of [
      ["off", "/live/a.m3u8"],
      ["nowhere", "/live/a.m3u8"],
      ["open", "/a.m3u8"],
      ["open", "/live/x/a.m3u8"],
      ["open", "/live/%zz.m3u8"],
      ["open", "/live/.m3u8"],
      ["open", "/../../etc/live/a.m3u8"],
      ["open", "//evil.example/live/a.m3u8"],
    ] as const) {
      assert.equal(target(host, path), "", path);
    }
  });

  test("cannot name what is no stream", () => {
    for (const path of [
      "/../a.m3u8",
      "/%2e%2e/a.m3u8",
      "/live/..m3u8",
      "/live/%2e%2e%2fa.m3u8",
      "/live/a%00b.m3u8",
      "/live/a%0d%0aSet-Cookie:x.m3u8",
      "/live%5c..%5c/a.m3u8",
      `/live/${"a".repeat(300)}.m3u8`,
    ]) {
      const found = target("open", path);
      assert.ok(found === "" || found.startsWith("ERR_"), `${path}: ${found}`);
    }
  });
});
