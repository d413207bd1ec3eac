import assert from "node:assert/strict";
import { test } from "node:test";
import { parseUrl } from "../../src/main/parse-url.ts";

const OFTEN = 30_000;

test("a host beyond ASCII is one, however often it is asked", () => {
  let found = 0;
  for (let asked = 0; asked < OFTEN; asked += 1) {
    found += parseUrl("http://é:8085/x")?.port === "8085" ? 1 : 0;
  }
  assert.equal(found, OFTEN);
  assert.equal(parseUrl("http://[bad"), undefined);
});
