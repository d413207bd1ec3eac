/** A viewer of HLS on a gateway's library, who looks at every version of the playlist and fetches all that it lists. */
import assert from "node:assert/strict";
import HLS from "hls-parser";
import type { HlsLibrary } from "../../src/worker/deliver/hls-library.ts";
import { readRuns } from "./mp4-boxes.ts";
import { PlaylistWatch, type ReadPlaylist, type ReadSegment } from "./playlist-check.ts";
import { type Pes, TsCheck } from "./ts-check.ts";

const WRAP = 2 ** 33;
const VIDEO_TYPES: readonly number[] = [0x1b, 0x24];
/** Versions of the playlist before the one at hand whose files are fetched too: a player may be that late. */
const LATE_VERSIONS = 2;

const PART_SHARE_MIN = 0.85;

/** One viewer of one stream. */
export class HlsViewer {
  readonly judge: TsCheck = new TsCheck();
  /** Of all segments, by number. */
  readonly segments: Map<number, ReadSegment> = new Map();
  versions = 0;
  parts = 0;
  pictures = 0;
  readonly #library: HlsLibrary;
  readonly #key: string;
  readonly #watch = new PlaylistWatch();
  readonly #late: ReadPlaylist[] = [];
  #text = "";
  /** The latest picture so far, 90 kHz without wrap. */
  #lastPts = Number.NaN;
  /** By track: where its next fragment begins. */
  readonly #ends = new Map<number, bigint>();

  constructor(library: HlsLibrary, key: string) {
    this.#library = library;
    this.#key = key;
  }

  /** Loads the playlist. @throws AssertionError or Error where anything is not as it must be. */
  look(): void {
    const text = this.#library.playlist(this.#key)?.text ?? "";
    for (const before of this.#late) {
      this.#fetchAll(before);
    }
    if (text === this.#text || text === "") {
      return;
    }
    this.#text = text;
    this.versions += 1;
    const playlist = this.#watch.read(text);
    compareParsers(text, playlist);
    checkParts(playlist);
    this.#fetchAll(playlist);
    this.#late.push(playlist);
    if (this.#late.length > LATE_VERSIONS) {
      this.#late.shift();
    }
    for (const segment of playlist.segments) {
      if (!this.segments.has(segment.sequence)) {
        this.segments.set(segment.sequence, segment);
        this.#watchSegment(segment);
      }
    }
  }

  #fetch(uri: string): Uint8Array {
    const directory = this.#key.slice(this.#key.indexOf("/"), this.#key.lastIndexOf("/"));
    const vhost = this.#key.slice(0, this.#key.indexOf("/"));
    const found = this.#library.file(vhost, `${directory}/${uri}`);
    assert.ok(
      found !== undefined,
      `404 for ${uri}, listed in version ${this.versions} or just before`,
    );
    assert.ok(found.file.bytes.byteLength > 0, `${uri} is empty`);
    return new Uint8Array(found.file.bytes);
  }

  #fetchAll({ segments, openParts, openMap }: ReadPlaylist): void {
    for (const { uri, map, parts } of segments) {
      this.#fetch(uri);
      if (map !== null) {
        this.#fetch(map);
      }
      for (const part of parts) {
        this.#fetch(part.uri);
      }
    }
    for (const { uri } of openParts) {
      this.#fetch(uri);
    }
    if (openMap !== null) {
      this.#fetch(openMap);
    }
  }

  #watchSegment(segment: ReadSegment): void {
    const bytes = this.#fetch(segment.uri);
    if (segment.map === null) {
      this.#watchTs(bytes, segment);
      return;
    }
    const parts = segment.parts.map(({ uri }) => this.#fetch(uri));
    this.parts += parts.length;
    if (parts.length > 0) {
      assert.deepEqual(Buffer.concat(parts), Buffer.from(bytes), "a segment is its parts");
    }
    if (segment.isDiscontinuity) {
      this.#ends.clear();
    }
    let isFirst = true;
    for (const fragment of parts.length > 0 ? parts : [bytes]) {
      isFirst = this.#watchFragment(fragment, isFirst);
    }
  }

  #watchTs(bytes: Uint8Array, { isDiscontinuity, sequence }: ReadSegment): void {
    const before = this.judge.pes.length;
    this.judge.pushSegment(bytes);
    const isVideo = ({ streamType }: Pes): boolean => VIDEO_TYPES.includes(streamType);
    const pictures = this.judge.pes.slice(before).filter(isVideo);
    this.pictures += pictures.length;
    if (isDiscontinuity) {
      this.#lastPts = Number.NaN;
    }
    let latest = this.#lastPts;
    for (const { pts } of pictures) {
      const time = Number.isNaN(this.#lastPts) ? pts : unwrapped(pts, this.#lastPts);
      const isLater = Number.isNaN(this.#lastPts) || time > this.#lastPts;
      assert.ok(isLater, `segment ${sequence} shows a picture before the last of the one before`);
      latest = Number.isNaN(latest) ? time : Math.max(latest, time);
    }
    this.#lastPts = latest;
  }

  /** @returns whether no picture was seen so far. */
  #watchFragment(fragment: Uint8Array, isFirst: boolean): boolean {
    let isStillFirst = isFirst;
    for (const { trackId, start, samples } of readRuns(fragment)) {
      const end = this.#ends.get(trackId);
      assert.ok(end === undefined || start >= end, `track ${trackId} goes back to ${start}`);
      this.#ends.set(trackId, start + BigInt(samples.reduce((sum, one) => sum + one.duration, 0)));
      if (trackId === 1) {
        assert.ok(!isStillFirst || samples[0]?.isKey === true, "a segment begins with a keyframe");
        isStillFirst = false;
        this.pictures += samples.length;
      }
    }
    return isStillFirst;
  }
}

/** A 33-bit time nearest to one without wrap. */
function unwrapped(time: number, near: number): number {
  return time + Math.round((near - time) / WRAP) * WRAP;
}

/** Somebody else's parser reads the same. */
function compareParsers(text: string, own: ReadPlaylist): void {
  // It counts three segments for three target durations, beyond which no parts may stand.
  HLS.setOptions({ strictMode: own.partTargetSeconds === null, silent: true });
  const theirs = HLS.parse(text);
  assert.ok(!theirs.isMasterPlaylist);
  const playlist = theirs as HLS.types.MediaPlaylist;
  assert.equal(playlist.targetDuration, own.targetSeconds);
  assert.equal(playlist.mediaSequenceBase, own.mediaSequence);
  assert.equal(playlist.discontinuitySequenceBase ?? 0, own.discontinuitySequence);
  // What is in the making is a segment without URI to it.
  const whole = playlist.segments.filter(({ uri }) => uri !== undefined && uri !== "");
  assert.deepEqual(
    whole.map(({ uri, duration, mediaSequenceNumber }) => [uri, duration, mediaSequenceNumber]),
    own.segments.map(({ uri, seconds, sequence }) => [uri, seconds, sequence]),
  );
}

/** RFC 8216bis §4.4.4.9: none but a segment's last is much shorter than what is announced. */
function checkParts({ segments, partTargetSeconds }: ReadPlaylist): void {
  const least = (partTargetSeconds ?? 0) * PART_SHARE_MIN;
  for (const { sequence, parts } of segments) {
    for (const { seconds } of parts.slice(0, -1)) {
      assert.ok(
        seconds >= least,
        `a part of ${seconds} s in ${sequence}, ${partTargetSeconds} s announced`,
      );
    }
  }
}
