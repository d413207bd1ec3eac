/** Names of files as SRS's directives say, and their URLs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HlsSettings } from "../../../src/protocol/control/hls.ts";
import { HlsNames } from "../../../src/worker/hls/names.ts";
import { HLS_DEFAULTS } from "../../support/hls-settings.ts";

const MOMENT = {
  sequence: 7,
  durationMs: 9980,
  startWallMs: new Date(2026, 0, 2, 3, 4, 5, 6).getTime(),
  timestamp: undefined,
};

function names(settings: Partial<HlsSettings> = {}, key = "v/live/a"): HlsNames {
  return new HlsNames(key, { ...HLS_DEFAULTS, path: "/www", ...settings });
}

test("SRS's defaults", () => {
  const all = names();
  assert.deepEqual(all.playlist, {
    path: "/live/a.m3u8",
    uri: "live/a.m3u8",
    file: "/www/live/a.m3u8",
  });
  assert.deepEqual(all.segment(MOMENT), {
    path: "/live/a-7.ts",
    uri: "a-7.ts",
    file: "/www/live/a-7.ts",
  });
  assert.equal(all.key(MOMENT).uri, "a-7.key");
  assert.equal(all.init(1).uri, "a/init.mp4");
  assert.equal(all.init(2).path, "/live/a/init-2.mp4");
});

test("every variable, in the time of its first frame", () => {
  const tsFile =
    "./[vhost]/[app]/[2006]-[01]-[02]/[15].[04].[05].[999]/[stream]-[seq]-[duration].ts";
  assert.equal(
    names({ tsFile }).segment(MOMENT).path,
    "/v/live/2026-01-02/03.04.05.006/a-7-9980.ts",
  );
  const floor = { ...MOMENT, timestamp: 42 };
  assert.equal(names({ tsFile: "[timestamp].ts" }).segment(floor).path, "/42.ts");
});

test("an entry prefix stands before each segment; keys have their own", () => {
  const prefixed = names({ entryPrefix: "http://cdn.example/" });
  assert.equal(prefixed.segment(MOMENT).uri, "http://cdn.example/a-7.ts");
  const keyed = names({ keyUrl: "https://keys.example/", keyPath: "/secret" });
  assert.deepEqual(keyed.key(MOMENT), {
    path: "/live/a-7.key",
    uri: "https://keys.example/live/a-7.key",
    file: "/secret/live/a-7.key",
  });
});

test("an app of several segments, and names that a URL cannot hold", () => {
  assert.equal(names({}, "v/one/two/a").playlist.path, "/one/two/a.m3u8");
  const odd = names({}, 'v/live/a"b c?#%');
  assert.equal(odd.segment(MOMENT).uri, "a%22b%20c%3F%23%25-7.ts");
  assert.equal(decodeURIComponent(odd.segment(MOMENT).uri), 'a"b c?#%-7.ts');
});
