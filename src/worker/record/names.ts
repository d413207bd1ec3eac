/** Names of recordings out of SRS's template. */
import { wallTime } from "../../protocol/date-variables.ts";
import { expandPath } from "../../protocol/hls/path-template.ts";
import { namesOf } from "../hls/names.ts";

/** @param key `vhost/app/stream` @param startWallMs Wall clock at the beginning of the file. */
export function recordingName(template: string, key: string, startWallMs: number): string {
  return expandPath(template, { ...namesOf(key), time: wallTime(startWallMs) });
}
