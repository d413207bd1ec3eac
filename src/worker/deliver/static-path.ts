/**
 * From the path of a request to a name inside a directory. A path is decoded once, segment by segment, so that nothing
 * that it holds can become a separator or a step upwards.
 */
import type { StaticMount } from "../../protocol/control/calls.ts";
import { decodePercent } from "../../protocol/rtmp/url-text.ts";

/** A longer path names no file. */
const PATH_CHARACTERS_MAX = 4096;
/** Files that begin with a dot are nobody's business, but what certificate authorities ask for (RFC 8615). */
const WELL_KNOWN = ".well-known";

/** A name inside a directory. */
export interface StaticName {
  readonly dir: string;
  /** Below `dir`, without a slash at either end; "" for `dir` itself. */
  readonly name: string;
  /** The path ended with a slash. */
  readonly isFolder: boolean;
}

/**
 * Names of the path's segments.
 * @param path As sent.
 * @returns null for a path that is not well-formed; undefined for one that can name no file
 */
export function decodeSegments(path: string): string[] | null | undefined {
  if (path.length > PATH_CHARACTERS_MAX || !path.startsWith("/")) {
    return path.startsWith("/") ? undefined : null;
  }
  const segments: string[] = [];
  for (const text of path.slice(1).split("/")) {
    const segment = decodePercent(text);
    if (segment === undefined || segment.includes("\0")) {
      return null;
    }
    segments.push(segment);
  }
  const last = segments.length - 1;
  const isName = (segment: string, index: number): boolean =>
    segment === "" ? index === last : isFileName(segment);
  return segments.every(isName) ? segments : undefined;
}

function isFileName(segment: string): boolean {
  return !(/[/\\]/.test(segment) || (segment.startsWith(".") && segment !== WELL_KNOWN));
}

/**
 * The directory that serves a path, and the name in it: the longest path of a mount wins, one of the host before one of
 * any host.
 * @param host Of the request, with or without port.
 */
export function findStatic(
  mounts: readonly StaticMount[],
  host: string,
  segments: readonly string[],
): StaticName | undefined {
  const name = host.replace(/:\d+$/, "").toLowerCase();
  const path = segments.join("/");
  let best: StaticMount | undefined;
  for (const mount of mounts) {
    const isHere = mount.host === "" || mount.host === name;
    const isNearer = best === undefined || weightOf(mount) > weightOf(best);
    if (isHere && isNearer && path.startsWith(mount.path)) {
      best = mount;
    }
  }
  if (best === undefined) {
    return undefined;
  }
  const inside = path.slice(best.path.length);
  const isFolder = inside === "" || inside.endsWith("/");
  return { dir: best.dir, name: inside.replace(/\/$/, ""), isFolder };
}

function weightOf({ host, path }: StaticMount): number {
  return path.length * 2 + (host === "" ? 0 : 1);
}
