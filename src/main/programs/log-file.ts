/** Names of ffmpeg's logs, as SRS makes them, and safe whatever a stream is called. */
import { createHash } from "node:crypto";
import { LOG_NAME_BYTES_MAX } from "../../protocol/limits.ts";
import { fileNameOf } from "./words.ts";

/** SRS's word for no log. */
const NOWHERE = "/dev/null";
const DIGEST_CHARACTERS = 12;

/** A log of ffmpeg; '' for none. @param parts Joined by dashes; empty ones are left out. */
export function logFileOf(dir: string, parts: readonly string[]): string {
  if (dir === NOWHERE) {
    return "";
  }
  const name = parts
    .filter((part) => part !== "")
    .map(fileNameOf)
    .join("-");
  return `${dir}/${short(name)}.log`;
}

/** Names that a file system does not take are cut, and told apart by what is left out. */
function short(name: string): string {
  if (Buffer.byteLength(name) <= LOG_NAME_BYTES_MAX) {
    return name;
  }
  const digest = createHash("sha256").update(name).digest("hex").slice(0, DIGEST_CHARACTERS);
  const room = LOG_NAME_BYTES_MAX - DIGEST_CHARACTERS - 1;
  const bytes = Buffer.from(name).subarray(0, room);
  return `${bytes.toString("utf8").replace(/\uFFFD+$/, "")}-${digest}`;
}
