import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { LineLog, type LogHost, NODE_LOG_HOST } from "../../../src/main/log/logger.ts";
import type { LogConfig } from "../../../src/protocol/conf/config.ts";
import { LOG_BUFFER_BYTES, LOG_LINES_PER_SECOND } from "../../../src/protocol/limits.ts";

const CONFIG: LogConfig = { tank: "file", level: "info", file: "x.log", utc: true };

/** A host in memory. `take` bytes are taken of each write; null = the disk is full. */
class MemoryHost implements LogHost {
  readonly pid = 42;
  text = "";
  time = Date.UTC(2026, 10, 23, 9, 0, 0, 123);
  take: number | null = Number.POSITIVE_INFINITY;
  readonly files: string[] = [];
  descriptor = -1;

  now(): number {
    return this.time;
  }

  open(file: string): number {
    this.files.push(file);
    return 5;
  }

  close(): void {
    this.files.push("closed");
  }

  write(descriptor: number, bytes: Uint8Array): number {
    this.descriptor = descriptor;
    if (this.take === null) {
      throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
    }
    const taken = Math.min(this.take, bytes.length);
    this.text += Buffer.from(bytes.subarray(0, taken)).toString("utf8");
    return taken;
  }
}

test("lines have SRS's form, with the code from warning on", () => {
  const host = new MemoryHost();
  const log = new LineLog(CONFIG, host);
  log.info("x7k2", "hello");
  log.warn("x7k2", "careful");
  log.error("c", "broken", "ERR_X");
  assert.equal(
    host.text,
    [
      "[2026-11-23 09:00:00.123][INFO][42][x7k2] hello",
      "[2026-11-23 09:00:00.123][WARN][42][x7k2][0] careful",
      "[2026-11-23 09:00:00.123][ERROR][42][c][ERR_X] broken",
      "",
    ].join("\n"),
  );
});

test("levels below the configured one are not written", () => {
  const host = new MemoryHost();
  const log = new LineLog({ ...CONFIG, level: "warn" }, host);
  log.trace("c", "no");
  log.debug("c", "no");
  log.info("c", "no");
  log.warn("c", "yes");
  log.flush();
  assert.match(host.text, /^\S+ \S+ yes\n$/);
  assert.deepEqual([log.isEnabled("info"), log.isEnabled("error")], [false, true]);
});

test("A8-02 E-72 a name can forge neither line nor field nor terminal escape", () => {
  const host = new MemoryHost();
  const log = new LineLog(CONFIG, host);
  log.info("a\n[b", "live/x\r\n[2026-11-23 09:00:00.123][ERROR][42][c] forged\u001b[2J\u2028");
  log.flush();
  assert.equal(host.text.split("\n").length, 2);
  assert.doesNotMatch(host.text.slice(0, -1), /\p{Cc}|\u2028/u);
});

test("lines wait to be written together, a timer writes them", { timeout: 5000 }, async () => {
  const host = new MemoryHost();
  const log = new LineLog(CONFIG, host);
  log.info("c", "one");
  assert.equal(host.text, "");
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.match(host.text, /one\n$/);
});

test("a long line is cut and the next one starts anew", () => {
  const host = new MemoryHost();
  const log = new LineLog(CONFIG, host);
  log.info("c", "é".repeat(20_000));
  log.info("c", "next");
  log.flush();
  const [first = "", second] = host.text.split("\n");
  assert.ok(Buffer.byteLength(first) <= 8191);
  assert.match(second ?? "", / next$/);
});

test("a short write goes on where it stopped", () => {
  const host = new MemoryHost();
  host.take = 7;
  const log = new LineLog(CONFIG, host);
  log.info("c", "one");
  log.info("c", "two");
  log.flush();
  assert.match(host.text, /^\[.* one\n\[.* two\n$/);
});

test("E-73 a full disk never throws; what is lost is counted and told later", () => {
  const host = new MemoryHost();
  const log = new LineLog(CONFIG, host);
  host.take = null;
  const line = "x".repeat(1000);
  for (let count = 0; count < 200; count++) {
    log.warn("c", line);
  }
  log.error("c", "still here");
  assert.ok(log.dropped > 100, `${log.dropped}`);
  host.take = Number.POSITIVE_INFINITY;
  log.flush();
  log.flush();
  assert.ok(host.text.length <= LOG_BUFFER_BYTES + 200);
  assert.match(host.text, /\[log\]\[0\] \d+ lines were dropped\n$/);
});

test("E-73 a file that cannot be opened never throws", () => {
  const host = new MemoryHost();
  host.open = () => assert.fail("EACCES");
  const log = new LineLog(CONFIG, host);
  log.error("c", "x");
  log.reopen();
  log.close();
  log.info("c", "after close");
  assert.equal(host.text, "");
});

test("D-25 E-74 a flood is cut to so many lines a second and told; warnings come through", () => {
  const host = new MemoryHost();
  const log = new LineLog(CONFIG, host);
  for (let count = 0; count < LOG_LINES_PER_SECOND + 500; count++) {
    log.info("c", "flood");
  }
  log.warn("c", "important");
  assert.equal(log.dropped, 500);
  host.time += 1000;
  log.info("c", "next second");
  log.flush();
  const lines = host.text.split("\n");
  assert.equal(lines.filter((line) => line.endsWith("flood")).length, LOG_LINES_PER_SECOND);
  assert.equal(lines.filter((line) => line.endsWith("important")).length, 1);
  assert.equal(lines.filter((line) => line.endsWith("500 lines were dropped")).length, 1);
});

test("the console is standard output", () => {
  const host = new MemoryHost();
  const log = new LineLog({ ...CONFIG, tank: "console" }, host);
  log.error("c", "x");
  log.reopen();
  assert.equal(host.descriptor, 1);
  assert.deepEqual(host.files, []);
});

test("USR1: after a rotation lines go to the new file, the old one is whole; mode 0640", () => {
  const folder = mkdtempSync(join(tmpdir(), "weir-log-"));
  after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "weir.log");
  const log = new LineLog({ ...CONFIG, file, utc: false }, NODE_LOG_HOST);
  log.info("c", "before");
  log.flush();
  renameSync(file, `${file}.1`);
  log.info("c", "moved");
  log.reopen();
  log.info("c", "after");
  log.close();
  assert.match(readFileSync(`${file}.1`, "utf8"), / before\n.* moved\n$/);
  assert.match(
    readFileSync(file, "utf8"),
    /^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\]\[INFO\]\[\d+\]\[c\] after\n$/,
  );
  assert.equal(statSync(file).mode & 0o137, 0);
});
