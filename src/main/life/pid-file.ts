/**
 * The pid file: holds the process id for scripts, and a lock for as long as the process lives, so that a second start
 * on the same file is refused. SRS takes the same kind of lock: neither starts beside the other.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { ConfigError, messageOf } from "../../protocol/errors.ts";
import { isNative, lockFile } from "../accept/native.ts";
import { lockPlainly } from "../accept/plain-lock.ts";
import { makeFolderOf } from "./folder.ts";

/** Everybody may read who runs, as with SRS. */
const FILE_MODE = 0o644;

/**
 * Takes the pid file and writes the process id into it. The lock ends with the process, however that ends; the file
 * stays, as with SRS.
 * @returns false when there is nothing to lock it with.
 * @throws ConfigError `ERR_ALREADY_RUNNING` when another process holds it, `ERR_PID_FILE` when it cannot be had.
 */
export function takePidFile(file: string, pid: number = process.pid): boolean {
  const place = { file: "pid", line: 0, directive: "pid" };
  const descriptor = openPidFile(file);
  const isLocked = isNative ? lockFile(descriptor) : lockPlainly(descriptor);
  if (isLocked === false) {
    const holder = readHolder(file);
    closeSync(descriptor);
    const text = `weir is already running${holder}, it holds ${file}`;
    throw new ConfigError("ERR_ALREADY_RUNNING", text, place);
  }
  // The descriptor is never closed: that would let the lock go.
  ftruncateSync(descriptor);
  writeSync(descriptor, `${pid}`);
  return isLocked ?? false;
}

function openPidFile(file: string): number {
  try {
    makeFolderOf(file);
    // Not "w": the holder's id must stay when the lock is not to be had.
    return openSync(file, "a+", FILE_MODE);
  } catch (error) {
    const reason = messageOf(error);
    const place = { file: "pid", line: 0, directive: "pid" };
    throw new ConfigError("ERR_PID_FILE", `cannot open ${file}: ${reason}`, place);
  }
}

function readHolder(file: string): string {
  const [pid] = /^\d+/.exec(readFileSync(file, "utf8")) ?? [];
  return pid === undefined ? "" : ` as process ${pid}`;
}
