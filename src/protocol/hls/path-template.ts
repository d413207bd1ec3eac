/**
 * File names and URIs of HLS out of SRS's templates.
 */

import { dateVariables, expandTemplate, type WallTime } from "../date-variables.ts";

/** What the variables stand for; those not given stay in the text, to be filled in later. */
export interface PathVariables {
  readonly vhost?: string;
  readonly app?: string;
  readonly stream?: string;
  /** `[2006]`, `[01]`, `[02]`, `[15]`, `[04]`, `[05]`, `[999]`, and `[timestamp]` in milliseconds. */
  readonly time?: WallTime;
  /** Instead of the time's: with `hls_ts_floor` the number of the fragment since 1970. */
  readonly timestamp?: number;
  /** Media sequence number. */
  readonly sequence?: number;
  readonly durationMs?: number;
}

/**
 * Fill in a template: `[vhost] [app] [stream] [2006] [01] [02] [15] [04] [05] [999] [timestamp] [seq] [duration]`.
 *
 * One pass: a value that looks like a variable is not filled in again.
 * **Shape**: values are taken as they are; that they are safe as file names is the caller's to know.
 */
export function expandPath(template: string, variables: PathVariables): string {
  return expandTemplate(template, valuesOf(variables));
}

/** What a variable's value is made of, where it is not the name of something. */
const DIGITS: ReadonlySet<string> = new Set(
  "2006 01 02 15 04 05 999 timestamp seq duration".split(" "),
);

/**
 * The names that a template makes for one vhost, whatever app, stream, time and number: groups `app` and `stream` are
 * what it says of them. Apps may have several segments.
 */
export function pathShape(template: string, vhost: string): RegExp {
  const named = new Set<string>();
  const pieces = template.replace(/^(\.?\/)+/, "").split(/(\[\w+\])/);
  const shapes = pieces.map((piece) => {
    const [, name = ""] = /^\[(\w+)\]$/.exec(piece) ?? [];
    if (DIGITS.has(name)) {
      return "\\d+";
    }
    if (name !== "app" && name !== "stream") {
      return escapeShape(name === "vhost" ? vhost : piece);
    }
    if (named.has(name)) {
      return `\\k<${name}>`;
    }
    named.add(name);
    return name === "app" ? "(?<app>.+)" : "(?<stream>[^/]+)";
  });
  return new RegExp(`^${shapes.join("")}$`, "s");
}

function escapeShape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/**
 * A segment's URI in the playlist, as SRS writes it: relative to the playlist's folder; with an entry prefix that
 * does not end in a slash the playlist's folder is put between.
 */
export function segmentUri(playlistPath: string, filePath: string, entryPrefix: string): string {
  const slash = playlistPath.lastIndexOf("/");
  const folder = slash < 0 ? "" : playlistPath.slice(0, slash);
  const isBelow = folder !== "" && filePath.startsWith(`${folder}/`);
  const relative = (isBelow ? filePath.slice(folder.length) : filePath).replace(/^\/+/, "");
  if (entryPrefix === "" || entryPrefix.endsWith("/")) {
    return `${entryPrefix}${relative}`;
  }
  return `${entryPrefix}/${folder === "" ? "" : `${folder.replace(/^\/+/, "")}/`}${relative}`;
}

function valuesOf(variables: PathVariables): ReadonlyMap<string, string> {
  const { vhost, app, stream, time, timestamp, sequence, durationMs } = variables;
  const values = new Map(time === undefined ? [] : dateVariables(time));
  const pairs: readonly (readonly [string, string | undefined])[] = [
    ["vhost", vhost],
    ["app", app],
    ["stream", stream],
    ["timestamp", timestamp?.toString()],
    ["seq", sequence?.toString()],
    ["duration", durationMs === undefined ? undefined : Math.round(durationMs).toString()],
  ];
  for (const [name, value] of pairs) {
    if (value !== undefined) {
      values.set(name, value);
    }
  }
  return values;
}
