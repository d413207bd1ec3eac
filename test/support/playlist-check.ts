/**
 * Media playlists read with code of the tests' own: a strict grammar, and what must hold from one version to the next.
 *
 * Spec: RFC 8216 §4, §6.2; RFC 8216bis §4.4.
 */

export interface ReadPart {
  readonly uri: string;
  readonly seconds: number;
  readonly isIndependent: boolean;
}

export interface ReadSegment {
  readonly uri: string;
  readonly seconds: number;
  readonly sequence: number;
  readonly isDiscontinuity: boolean;
  readonly key: string | null;
  readonly map: string | null;
  readonly dateTime: string | null;
  readonly parts: readonly ReadPart[];
}

export interface ReadPlaylist {
  readonly version: number;
  readonly mediaSequence: number;
  readonly discontinuitySequence: number;
  readonly targetSeconds: number;
  readonly partTargetSeconds: number | null;
  readonly skipped: number;
  readonly preloadHint: string | null;
  readonly serverControl: string | null;
  readonly segments: readonly ReadSegment[];
  readonly openParts: readonly ReadPart[];
  /** The init segment and whether there is a break, before those parts. */
  readonly openMap: string | null;
  readonly isOpenDiscontinuity: boolean;
}

/** Tags that may stand once, before any segment. */
const HEAD_TAGS = new Set([
  "EXT-X-VERSION",
  "EXT-X-MEDIA-SEQUENCE",
  "EXT-X-TARGETDURATION",
  "EXT-X-DISCONTINUITY-SEQUENCE",
  "EXT-X-SERVER-CONTROL",
  "EXT-X-PART-INF",
  "EXT-X-SKIP",
]);

/** @throws Error naming the line that breaks the grammar. */
export function readPlaylist(text: string): ReadPlaylist {
  return new PlaylistReader(text).read();
}

class PlaylistReader {
  readonly #lines: string[];
  readonly #head = new Map<string, string>();
  readonly #segments: ReadSegment[] = [];
  #parts: ReadPart[] = [];
  #isDiscontinuity = false;
  #seconds: number | null = null;
  #key: string | null = null;
  #map: string | null = null;
  #dateTime: string | null = null;
  #hint: string | null = null;

  constructor(text: string) {
    if (!text.startsWith("#EXTM3U\n") || !text.endsWith("\n")) {
      throw new Error("a playlist begins with #EXTM3U and ends with a line's end");
    }
    this.#lines = text.slice(0, -1).split("\n").slice(1);
  }

  read(): ReadPlaylist {
    for (const line of this.#lines) {
      this.#line(line);
    }
    if (this.#seconds !== null) {
      throw new Error("the last segment has no URI");
    }
    const required = (name: string) => numberOf(this.#head.get(name), name);
    const optional = (name: string) => (this.#head.has(name) ? required(name) : 0);
    const partTarget = this.#head.get("EXT-X-PART-INF");
    const playlist: ReadPlaylist = {
      version: required("EXT-X-VERSION"),
      mediaSequence: required("EXT-X-MEDIA-SEQUENCE"),
      targetSeconds: required("EXT-X-TARGETDURATION"),
      discontinuitySequence: optional("EXT-X-DISCONTINUITY-SEQUENCE"),
      skipped: numberOf(attribute(this.#head.get("EXT-X-SKIP"), "SKIPPED-SEGMENTS") ?? "0", "skip"),
      partTargetSeconds:
        partTarget === undefined ? null : Number(attribute(partTarget, "PART-TARGET")),
      preloadHint: this.#hint,
      serverControl: this.#head.get("EXT-X-SERVER-CONTROL") ?? null,
      segments: this.#segments,
      openParts: this.#parts,
      openMap: this.#parts.length === 0 ? null : this.#map,
      isOpenDiscontinuity: this.#isDiscontinuity,
    };
    checkLengths(playlist);
    const first = playlist.mediaSequence + playlist.skipped;
    const segments = this.#segments.map((one, index) => ({ ...one, sequence: first + index }));
    return { ...playlist, segments };
  }

  #line(line: string): void {
    if (line === "" || /[\r\t]/.test(line)) {
      throw new Error(`empty or broken line: ${JSON.stringify(line)}`);
    }
    if (!line.startsWith("#")) {
      this.#uri(line);
      return;
    }
    const [, tag = "", value = ""] = /^#([A-Z0-9-]+)(?::(.*))?$/.exec(line) ?? [];
    if (HEAD_TAGS.has(tag)) {
      if (this.#head.has(tag) || this.#segments.length > 0) {
        throw new Error(`twice or too late: ${line}`);
      }
      this.#head.set(tag, value);
      return;
    }
    this.#segmentTag(tag, value, line);
  }

  #segmentTag(tag: string, value: string, line: string): void {
    switch (tag) {
      case "EXTINF": {
        const [, seconds] = /^(\d+\.\d{3}),/.exec(value) ?? [];
        this.#seconds = numberOf(seconds, line);
        return;
      }
      case "EXT-X-DISCONTINUITY":
        this.#isDiscontinuity = true;
        return;
      case "EXT-X-KEY":
        this.#key = keyOf(value);
        return;
      case "EXT-X-MAP":
        this.#map = quoted(value, "URI");
        return;
      case "EXT-X-PROGRAM-DATE-TIME":
        if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value)) {
          throw new Error(`no date: ${line}`);
        }
        this.#dateTime = value;
        return;
      case "EXT-X-PART": {
        const seconds = numberOf(attribute(value, "DURATION"), line);
        const isIndependent = attribute(value, "INDEPENDENT") === "YES";
        this.#parts.push({ uri: quoted(value, "URI"), seconds, isIndependent });
        return;
      }
      case "EXT-X-PRELOAD-HINT":
        this.#hint = quoted(value, "URI");
        return;
      default:
        throw new Error(`unknown tag: ${line}`);
    }
  }

  #uri(line: string): void {
    if (this.#seconds === null) {
      throw new Error(`a URI without EXTINF: ${line}`);
    }
    this.#segments.push({
      uri: line,
      seconds: this.#seconds,
      sequence: 0,
      isDiscontinuity: this.#isDiscontinuity,
      key: this.#key,
      map: this.#map,
      dateTime: this.#dateTime,
      parts: this.#parts,
    });
    this.#seconds = null;
    this.#isDiscontinuity = false;
    this.#dateTime = null;
    this.#parts = [];
  }
}

function checkLengths(playlist: ReadPlaylist): void {
  for (const segment of playlist.segments) {
    if (segment.seconds > playlist.targetSeconds || segment.seconds <= 0) {
      throw new Error(`EXTINF ${segment.seconds} with a target of ${playlist.targetSeconds}`);
    }
    for (const part of [...segment.parts, ...playlist.openParts]) {
      if (part.seconds > (playlist.partTargetSeconds ?? 0) + 1e-9) {
        throw new Error(`part of ${part.seconds} s, target ${playlist.partTargetSeconds}`);
      }
    }
  }
}

/** What must hold between successive versions of one playlist. */
export class PlaylistWatch {
  readonly #seen = new Map<number, ReadSegment>();
  #last: ReadPlaylist | null = null;

  /** Reads the next version. @throws Error where it breaks a rule. */
  read(text: string): ReadPlaylist {
    const playlist = readPlaylist(text);
    const last = this.#last;
    if (last !== null) {
      assertOrder("EXT-X-MEDIA-SEQUENCE", last.mediaSequence, playlist.mediaSequence);
      assertOrder("EXT-X-TARGETDURATION", last.targetSeconds, playlist.targetSeconds);
      const left = last.segments.filter((one) => one.sequence < playlist.mediaSequence);
      const breaks = left.filter((one) => one.isDiscontinuity).length;
      const expected = last.discontinuitySequence + breaks;
      if (playlist.discontinuitySequence !== expected) {
        throw new Error(
          `EXT-X-DISCONTINUITY-SEQUENCE ${playlist.discontinuitySequence}, expected ${expected}`,
        );
      }
    }
    for (const segment of playlist.segments) {
      const before = this.#seen.get(segment.sequence);
      const isNew = before === undefined;
      const name = (one: ReadSegment) => `${one.uri} ${one.seconds} ${one.isDiscontinuity}`;
      if (!isNew && name(before) !== name(segment)) {
        throw new Error(`segment ${segment.sequence} changed: ${name(before)}, ${name(segment)}`);
      }
      if (isNew && this.#seen.size > 0 && !this.#seen.has(segment.sequence - 1)) {
        throw new Error(`segment ${segment.sequence} came without ${segment.sequence - 1}`);
      }
      this.#seen.set(segment.sequence, segment);
    }
    this.#last = playlist;
    return playlist;
  }
}

function assertOrder(name: string, before: number, after: number): void {
  if (after < before) {
    throw new Error(`${name} goes back from ${before} to ${after}`);
  }
}

function keyOf(value: string): string | null {
  if (value === "METHOD=NONE") {
    return null;
  }
  const [, uri, iv] = /^METHOD=AES-128,URI="([^"]+)",IV=0x([0-9a-f]{32})$/i.exec(value) ?? [];
  if (uri === undefined || iv === undefined) {
    throw new Error(`no key: ${value}`);
  }
  return `${uri} ${iv}`;
}

function attribute(value: string | undefined, name: string): string | undefined {
  return new RegExp(`(?:^|,)${name}=([^",]*)(?:,|$)`).exec(value ?? "")?.[1];
}

function quoted(value: string, name: string): string {
  const found = new RegExp(`(?:^|,)${name}="([^"]+)"(?:,|$)`).exec(value)?.[1];
  if (found === undefined) {
    throw new Error(`no ${name}: ${value}`);
  }
  return found;
}

function numberOf(text: string | undefined, where: string): number {
  if (text === undefined || !/^\d+(\.\d+)?$/.test(text)) {
    throw new Error(`no number: ${where}`);
  }
  return Number(text);
}
