/** What is served of the console, and with which policy. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  consoleAnswer,
  isConsolePage,
  isConsolePath,
} from "../../../src/protocol/control/console-page.ts";

const FILES = new Map([
  ["index.html", "<!doctype html>"],
  ["console-X.js", "1"],
  ["console-X.css", "a{}"],
  ["notes.txt", "no"],
]);
const HOST = "weir.example:8080";

test("the page is under each of its names, and is asked for again each time", () => {
  const { location } = consoleAnswer(FILES, "/console", HOST)?.headers ?? {};
  assert.equal(location, "/console/");
  for (const path of ["/console/", "/console/index.html"]) {
    const answer = consoleAnswer(FILES, path, HOST);
    assert.equal(answer?.body, "<!doctype html>");
    assert.equal(answer?.headers["cache-control"], "no-cache");
    assert.ok(isConsolePage(path));
  }
  assert.ok(!isConsolePage("/console/console-X.js"));
});

test("files have their types and may be kept", () => {
  const script = consoleAnswer(FILES, "/console/console-X.js", HOST);
  assert.match(script?.headers["content-type"] ?? "", /^text\/javascript/);
  assert.match(script?.headers["cache-control"] ?? "", /immutable/);
  const style = consoleAnswer(FILES, "/console/console-X.css", HOST);
  assert.match(style?.headers["content-type"] ?? "", /^text\/css/);
});

test("what is not in the list is not there", () => {
  for (const path of [
    "/console/../index.js",
    "/console/..%2findex.js",
    "/console//etc/passwd",
    "/console/notes.txt",
    "/console/console-X.js/",
    "/console/constructor",
  ]) {
    assert.equal(consoleAnswer(FILES, path, HOST), null, path);
  }
  assert.ok(!isConsolePath("/consolex"));
});

test("the policy names this host's ports, and no host that is none", () => {
  const policy = (host: string): string =>
    consoleAnswer(FILES, "/console/", host)?.headers["content-security-policy"] ?? "";
  assert.match(
    policy(HOST),
    /connect-src 'self' http:\/\/weir\.example:\* .*ws:\/\/weir\.example:\*/,
  );
  assert.match(policy("[::1]:80"), /ws:\/\/\[::1\]:\*/);
  for (const host of ["", "a b", "x; script-src *", "x\r\ny", "*", "x/../y", "a,b"]) {
    assert.match(policy(host), /connect-src 'self';/, host);
    assert.ok(!policy(host).includes("script-src *"));
  }
  assert.match(policy(HOST), /script-src 'self'; style-src 'self'/);
});
