/** File names and URIs out of SRS's templates. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { expandPath, segmentUri } from "../../../src/protocol/hls/path-template.ts";

const LIMIT = { timeout: 5000 };
const NAMES = { vhost: "v.example", app: "live", stream: "s1" };
const TIME = {
  ...{ year: 2026, month: 1, day: 2, hour: 3, minute: 4, second: 5, millisecond: 6 },
  unixMs: 1_767_323_045_006,
};

describe("names", () => {
  test("every variable", LIMIT, () => {
    const template =
      "[vhost]/[app]/[stream]-[2006]-[01]-[02]_[15].[04].[05].[999]-[timestamp]-[seq]-[duration].ts";
    const all = { ...NAMES, time: TIME, sequence: 42, durationMs: 9999.6 };
    assert.equal(
      expandPath(template, all),
      "v.example/live/s1-2026-01-02_03.04.05.006-1767323045006-42-10000.ts",
    );
    assert.equal(expandPath("[timestamp]", { ...all, timestamp: 7 }), "7");
  });

  test("what is not known yet stays; values are not filled in again", LIMIT, () => {
    const first = expandPath("[app]/[stream]-[seq]-[duration].ts", {
      app: "[seq]",
      stream: "$&",
      sequence: 1,
    });
    assert.equal(first, "[seq]/$&-1-[duration].ts");
    assert.equal(expandPath("[x][]][app", NAMES), "[x][]][app");
  });

  test("URIs are relative to the playlist, with and without an entry prefix", LIMIT, () => {
    assert.equal(segmentUri("live/s1.m3u8", "live/s1-0.ts", ""), "s1-0.ts");
    assert.equal(segmentUri("live/s1.m3u8", "other/s1-0.ts", ""), "other/s1-0.ts");
    assert.equal(segmentUri("s1.m3u8", "live/s1-0.ts", ""), "live/s1-0.ts");
    assert.equal(segmentUri("live/s1.m3u8", "live/2026/s1-0.ts", ""), "2026/s1-0.ts");
    assert.equal(segmentUri("live/s1.m3u8", "livestream/0.ts", ""), "livestream/0.ts");
    assert.equal(
      segmentUri("live/s1.m3u8", "live/s1-0.ts", "http://c.example"),
      "http://c.example/live/s1-0.ts",
    );
    assert.equal(
      segmentUri("live/s1.m3u8", "live/s1-0.ts", "http://c.example/"),
      "http://c.example/s1-0.ts",
    );
    assert.equal(segmentUri("s1.m3u8", "s1-0.ts", "http://c.example"), "http://c.example/s1-0.ts");
  });
});
