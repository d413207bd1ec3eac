import assert from "node:assert/strict";
import { test } from "node:test";
import { checkRefer } from "../../../src/protocol/access/refer.ts";

for (const [allowed, pageUrl, srs, strict] of [
  ["ossrs.net", "http://ossrs.net/index.html", true, true],
  ["ossrs.net", "https://www.ossrs.net:8080/a", true, true],
  ["ossrs.net", "ossrs.net", true, true],
  ["ossrs.net", "http://evilossrs.net/", true, false],
  ["ossrs.net", "http://ossrs.net.evil.com/", false, false],
  ["ossrs.net", "http://evil.com/ossrs.net", false, false],
  ["ossrs.net", "http://evil.com?x=ossrs.net", true, false],
  ["ossrs.net", "http://ossrs.net?x=1", false, true],
  ["ossrs.net", "http://ossrs.net:80@evil.com/", true, false],
  ["ossrs.net", "http://user@ossrs.net/", true, true],
  ["ossrs.net", "http://evil.com\\.ossrs.net/", true, false],
  ["ossrs.net", "http://OSSRS.net/", false, true],
  ["ossrs.net", "http://ossrs.net./", false, true],
  ["OSSRS.net", "http://ossrs.net/", false, true],
  [".ossrs.net", "http://www.ossrs.net/", true, true],
  [".ossrs.net", "http://ossrs.net/", false, true],
  ["a.a", "http://a.a.a/", false, true],
  ["::1", "http://[::1]:80/", false, true],
  ["other.com ossrs.net", "http://ossrs.net/", true, true],
  ["ossrs.net", "", false, false],
  ["ossrs.net", "http:///", false, false],
  ["", "", true, true],
  ["", "http://any.where/", true, true],
] as const) {
  test(`${allowed || "no list"} and ${pageUrl || "no page"}`, () => {
    const hosts = allowed === "" ? [] : allowed.split(" ");
    const refer = { enabled: true, isExact: false, all: hosts, publish: [], play: [] };
    assert.equal(checkRefer(refer, "all", pageUrl), srs, "as SRS");
    assert.equal(checkRefer({ ...refer, isExact: true }, "all", pageUrl), strict, "strict");
    assert.equal(checkRefer(refer, "play", pageUrl), true, "another list is empty");
    assert.equal(checkRefer({ ...refer, enabled: false }, "all", pageUrl), true, "switched off");
  });
}
