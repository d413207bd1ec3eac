/** URLs that weir is to call: what is accepted can be called, and what can be called is accepted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeOriginAddress, isHttpUrl } from "../../../src/protocol/conf/endpoint.ts";

/** URL.canParse of Node 20 denies every text beyond ASCII once it is optimised. */
function canCall(text: string): boolean {
  try {
    return new URL(text).href !== "";
  } catch {
    return false;
  }
}

const LIMIT = { timeout: 10_000 };

for (const text of [
  "http://127.0.0.1:8085/api/v1/servers",
  "https://user:pass@hooks.example:8443/x?key=1#y",
  "HTTP://Example/",
  "http://a",
  "http://a.b./",
  "http://[::1]:8085/x",
  "http://[2001:db8::1]",
  "http://h/[app]/[stream]/[ts_url][param]",
  "http://my_host-1:80",
]) {
  test(`is one: ${text}`, () => {
    assert.equal(isHttpUrl(text), true);
    assert.equal(canCall(text), true);
  });
}

for (const text of [
  "",
  "http://",
  "http:///x",
  "http://[bad",
  "http://[bad]/",
  "http://[::1",
  "http://[::1]x/",
  "http://h:port/",
  "http://h:99999/",
  "http://h:0/",
  "http://h:80:80/",
  "http://a b/",
  "http://a<b/",
  "http://1.2.3.400/",
  "http://1.2.3.4.5/",
  "http://x.256/",
  "http://a..b/",
  "http://user@/",
  "http://]\\@a",
  "ftp://h/",
  "h:80",
]) {
  test(`is none: ${text}`, () => assert.equal(isHttpUrl(text), false));
}

test("whatever is accepted can be called", LIMIT, () => {
  const piece = fc.constantFrom(..."abz019.-_:[]@/?#%<> é\\|^\t", "http://", "::", "1.2", "0x1");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = `http://${pieces.join("")}`;
      assert.ok(!isHttpUrl(text) || canCall(text), text);
    }),
    { numRuns: 5000 },
  );
});

test("an origin in brackets is an address", () => {
  assert.deepEqual(decodeOriginAddress("[::1]:1936"), { host: "::1", port: 1936 });
  for (const text of ["[bad", "[bad]", "[1]", "[.]:1935", "[:::]"]) {
    assert.equal(decodeOriginAddress(text), undefined, text);
  }
});
