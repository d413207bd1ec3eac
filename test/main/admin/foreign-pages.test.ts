import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isOfForeignPage,
  isOwnName,
  mayForeignPageChange,
} from "../../../src/main/admin/foreign-pages.ts";

function isForeign(host: string, origin: string, fetchSite = ""): boolean {
  return isOfForeignPage({ headers: { host, origin, authorization: "", fetchSite } });
}

test("E-45 programs, and pages of this host whatever their port, are no foreign pages", () => {
  for (const [host, origin, fetchSite] of [
    ["127.0.0.1:1985", ""],
    ["127.0.0.1:1985", "http://127.0.0.1:8080"],
    ["127.0.0.1:1985", "http://localhost:3000", "cross-site"],
    ["[::1]:1985", "http://127.0.0.1"],
    ["live.example:1985", "https://LIVE.example"],
    ["live.example:1985", "", "same-site"],
    ["live.example:1985", "", "none"],
    ["127.0.0.1:1985", "https://behind-a-proxy.example", "same-origin"],
  ] as const) {
    assert.equal(isForeign(host, origin, fetchSite), false, `${host} ${origin} ${fetchSite}`);
  }
});

test("E-45 pages of other hosts, and those that hide where they are from, are", () => {
  for (const [host, origin, fetchSite] of [
    ["127.0.0.1:1985", "http://pages.example"],
    ["127.0.0.1:1985", "null"],
    ["127.0.0.1:1985", "nonsense"],
    ["127.0.0.1:1985", "", "cross-site"],
    ["live.example:1985", "http://evil.live.example", "same-site"],
    ["live.example:1985", "http://live.example.evil.example"],
    ["live.example:1985", "http://live.example@evil.example"],
    ["", "http://pages.example"],
    ["bad host", "http://pages.example"],
    ["127.0.0.1:1985", "http://127.0.0.1.evil.example"],
  ] as const) {
    assert.equal(isForeign(host, origin, fetchSite), true, `${host} ${origin} ${fetchSite}`);
  }
});

test("E-45 a foreign page changes only what it shows credentials of its own for", () => {
  const auth = { enabled: true, username: "", password: "", token: "" };
  assert.equal(mayForeignPageChange({ ...auth, enabled: false, type: "bearer" }, "DELETE"), false);
  assert.equal(mayForeignPageChange({ ...auth, type: "bearer" }, "GET"), true);
  assert.equal(mayForeignPageChange({ ...auth, type: "basic" }, "DELETE"), true);
  assert.equal(mayForeignPageChange({ ...auth, type: "basic" }, "GET"), false);
});

test("E-47 a port of the loopback has no name but localhost", () => {
  const near = { host: "127.0.0.1", port: 1 };
  for (const host of ["", "localhost", "localhost:1985", "127.0.0.1:1985", "[::1]:1985"]) {
    assert.equal(isOwnName(host, near), true, host);
  }
  for (const host of ["rebound.example", "127.0.0.1.evil.example:80", "localhost.example"]) {
    assert.equal(isOwnName(host, near), false, host);
    assert.equal(isOwnName(host, { host: "", port: 1 }), true, host);
  }
});
