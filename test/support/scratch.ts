/** Temporary directories and ports of a test file. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { claimPort } from "./ports.ts";

const directories: string[] = [];

process.on("exit", () => {
  for (const directory of directories) {
    rmSync(directory, { recursive: true, force: true });
  }
});

/** A new directory that anyone may enter, removed with all in it when the test process ends. */
export function makeScratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "weir-test-"));
  chmodSync(directory, 0o755);
  directories.push(directory);
  return directory;
}

/** A TCP port for a server under test: free, and this process's alone. See {@link claimPort}. */
export function findFreePort(): Promise<number> {
  return claimPort();
}

/** True when something accepts connections on the loopback port. */
export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** Polls `condition` until it holds. @throws Error naming `what` after `timeoutMs`. */
export async function waitUntil(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) {
      throw new Error(`not within ${timeoutMs} ms: ${what}`);
    }
    await delay(20);
  }
}
