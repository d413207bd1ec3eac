/** The lock of the pid file where the C library cannot be called: taken by flock(1) on the open file, which keeps it. */
import { spawnSync } from "node:child_process";

const TIMEOUT_MS = 5000;
/** What flock(1) answers when somebody else holds the lock. */
const IS_HELD = 1;

/** @returns true: taken; false: another process holds it; null: there is no flock(1) to ask. */
export function lockPlainly(descriptor: number): boolean | null {
  // The lock belongs to the open file, not to the process that took it.
  const { status } = spawnSync("flock", ["-x", "-n", "3"], {
    stdio: ["ignore", "ignore", "ignore", descriptor],
    timeout: TIMEOUT_MS,
  });
  return status === 0 || status === IS_HELD ? status === 0 : null;
}
