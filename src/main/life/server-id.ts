/** The name of this server (SRS's `server_id`): configured, or made once and kept beside the pid file. */
import { readFileSync, writeFileSync } from "node:fs";

const LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";
const LETTER_COUNT = 7;
/** What a kept name may look like; anything else in the file is not one. */
const KEPT = /^[\w.-]{1,128}$/;

/** The file that a generated name is kept in, as SRS derives it from the pid file. */
function fileBeside(pidFile: string): string {
  return pidFile.endsWith(".pid") ? `${pidFile.slice(0, -".pid".length)}.id` : `${pidFile}.id`;
}

/** The configured name, else the kept one, else a new one, which is kept where that is possible. */
export function serverIdOf(
  configured: string,
  pidFile: string,
  random: () => number = Math.random,
): string {
  if (configured !== "") {
    return configured;
  }
  const file = fileBeside(pidFile);
  const kept = readKept(file);
  if (kept !== undefined) {
    return kept;
  }
  let id = "vid-";
  for (let index = 0; index < LETTER_COUNT; index += 1) {
    id += LETTERS[Math.floor(random() * LETTERS.length)] ?? "a";
  }
  try {
    writeFileSync(file, id);
  } catch {
    // The name then lasts as long as the process.
  }
  return id;
}

function readKept(file: string): string | undefined {
  try {
    const text = readFileSync(file, "utf8").trim();
    return KEPT.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}
