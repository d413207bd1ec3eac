/** Paths of live streams over HTTP: a mount template against the path of a request (SRS: http_remux.mount). */

/** A stream that a path names. */
export interface MountedStream {
  readonly app: string;
  readonly stream: string;
}

/** What the end of a template makes of a stream. */
export type MountFormat = "flv" | "ts" | "mp3" | "aac";

const FORMAT = /\.(flv|ts|mp3|aac)$/;
const PLACEHOLDER = /\[(app|stream)\]/;
const VHOST = "[vhost]";

/** @returns null for an ending that names no format. */
export function mountFormat(template: string): MountFormat | null {
  const [, format] = FORMAT.exec(template) ?? [];
  return (format as MountFormat | undefined) ?? null;
}

/**
 * The stream that a path names under a template. Placeholders stand for one segment each; the vhost is told apart by
 * the request's host, so it is no part of the path. Where the template names no app it is the path's directory, as in
 * SRS.
 *
 * @param path Decoded; begins with a slash.
 * @returns null when the path is not of the template's shape.
 */
export function matchMount(template: string, path: string): MountedStream | null {
  const shape = template.startsWith(VHOST) ? template.slice(VHOST.length) : template;
  const wanted = segmentsOf(shape);
  const given = segmentsOf(path);
  if (wanted.length !== given.length) {
    return null;
  }
  const found = new Map<string, string>();
  for (const [index, want] of wanted.entries()) {
    if (!matchSegment(want, given[index] ?? "", found)) {
      return null;
    }
  }
  const last = given.at(-1) ?? "";
  return {
    app: found.get("app") ?? given.slice(0, -1).join("/"),
    stream: found.get("stream") ?? last.replace(FORMAT, ""),
  };
}

function segmentsOf(path: string): string[] {
  return path.replace(/^\//, "").split("/");
}

/** Matches `prefix[name]suffix`, or text as it is. */
function matchSegment(want: string, given: string, found: Map<string, string>): boolean {
  const [placeholder, name] = PLACEHOLDER.exec(want) ?? [];
  if (placeholder === undefined || name === undefined) {
    return want === given;
  }
  const at = want.indexOf(placeholder);
  const prefix = want.slice(0, at);
  const suffix = want.slice(at + placeholder.length);
  const value = given.slice(prefix.length, given.length - suffix.length);
  const isMatch = given.startsWith(prefix) && given.endsWith(suffix) && value !== "";
  if (isMatch) {
    found.set(name, value);
  }
  return isMatch && given.length >= prefix.length + suffix.length;
}
