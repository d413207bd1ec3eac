/** Test processes that run at the same time never get the same port. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { claimPort } from "./ports.ts";

const CLAIMANT = fileURLToPath(new URL("claim-ports.js", import.meta.url));
const PROCESSES = 5;
const PORTS = 70;

test("processes that live at the same time have ports of their own", {
  timeout: 30_000,
}, async () => {
  const claimants = Array.from({ length: PROCESSES }, () =>
    spawn(process.execPath, [CLAIMANT, String(PORTS)], { stdio: ["pipe", "pipe", "inherit"] }),
  );
  const texts = await Promise.all(
    claimants.map(async ({ stdout }) => {
      const [bytes] = await once(stdout, "data");
      return String(bytes);
    }),
  );
  const ports = texts.flatMap((text): number[] => JSON.parse(text));
  const own = await claimPort();
  for (const { stdin } of claimants) {
    stdin.end();
  }
  assert.equal(new Set([...ports, own]).size, PROCESSES * PORTS + 1);
  const range = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8");
  assert.ok(Math.max(...ports) < Number.parseInt(range, 10));
});

test("a port that somebody listens on is not given", { timeout: 10_000 }, async () => {
  const before = await claimPort();
  const stranger = createServer();
  stranger.listen(before + 1, "127.0.0.1");
  await once(stranger, "listening");
  const after = await claimPort();
  assert.ok(after > before + 1);
  stranger.close();
  const socket = connect(after, "127.0.0.1");
  const [error] = await once(socket, "error");
  assert.equal(error.code, "ECONNREFUSED");
});
