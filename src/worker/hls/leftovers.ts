/**
 * Files that an earlier life of an output has left: a server that stops or dies leaves what players may still ask for,
 * and nobody else knows of it. They are told by their numbers alone, so only names that no clock is part of are known.
 */
import type { HlsSettings } from "../../protocol/control/hls.ts";
import type { HlsNames } from "./names.ts";

/** Numbers looked at, whatever window and fragment say. */
const LEFTOVERS_MAX = 1024;
/** Beyond window and grace: segments may be shorter than they should. */
const MARGIN = 8;

/** What one life wrote may still be fetched for about so many windows. */
const WINDOWS = 2;

/** @param next Number of the first segment that is not one of them. @returns names on disk; many of them may not be there. */
export function leftoverFiles(names: HlsNames, settings: HlsSettings, next: number): string[] {
  const { windowMs, fragmentMs, isFmp4, fmp4File, tsFile, keyFile, isEncrypted } = settings;
  const hasSegments = isNumbered(isFmp4 ? fmp4File : tsFile);
  const hasKeys = isEncrypted && isNumbered(keyFile);
  const count = Math.ceil((WINDOWS * windowMs) / Math.max(1, fragmentMs)) + MARGIN;
  const files: string[] = [];
  for (
    let sequence = Math.max(0, next - Math.min(count, LEFTOVERS_MAX));
    sequence < next;
    sequence += 1
  ) {
    const moment = { sequence, durationMs: 0, startWallMs: 0, timestamp: undefined };
    if (hasSegments) {
      files.push(names.segment(moment).file);
    }
    if (hasKeys) {
      files.push(names.key(moment).file);
    }
  }
  // The one that was being written.
  const last = { sequence: next, durationMs: 0, startWallMs: 0, timestamp: undefined };
  return hasSegments ? [...files, `${names.segment(last).file}.tmp`] : files;
}

/** Each number has a name of its own, and nothing else is part of it. */
function isNumbered(template: string): boolean {
  const variables = [...template.matchAll(/\[(\w+)\]/g)].map(([, name = ""]) => name);
  return variables.includes("seq") && variables.every((name) => KNOWN.has(name));
}

const KNOWN: ReadonlySet<string> = new Set(["vhost", "app", "stream", "seq"]);
