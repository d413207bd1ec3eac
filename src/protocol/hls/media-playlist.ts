/**
 * The segments of one live stream that players may fetch: window, numbers, discontinuities, parts.
 *
 * Holds names and lengths, no media. What left the window stays fetchable for a while, since players hold older
 * playlists; {@link MediaPlaylist.takeDisposable} says when its media may go.
 *
 * Spec: RFC 8216 §6.2.2 (live playlists); RFC 8216bis §6.2.5 (blocking reload).
 */
import { PLAYLIST_SEGMENTS_MAX } from "../limits.ts";

/** Key of a segment. **Spec**: RFC 8216 §4.3.2.4, METHOD=AES-128. */
export interface SegmentKey {
  readonly uri: string;
  /** 32 hexadecimal digits. */
  readonly iv: string;
}

/** A part of a segment. */
export interface PlaylistPart {
  readonly uri: string;
  readonly durationMs: number;
  readonly isIndependent: boolean;
}

/** What is known of a segment as soon as it begins. */
export interface SegmentHead {
  /** It does not continue the one before. */
  readonly isDiscontinuity: boolean;
  /** Date of its first frame, milliseconds since 1970; null when unknown. */
  readonly startWallMs: number | null;
  readonly key: SegmentKey | null;
  /** Init segment that it needs; null for MPEG-TS. */
  readonly initUri: string | null;
}

/** A finished segment to be listed. */
export interface NewSegment extends SegmentHead {
  readonly uri: string;
  readonly durationMs: number;
}

/** A listed segment. */
export interface PlaylistSegment extends NewSegment {
  /** Media sequence number. */
  readonly sequence: number;
  /** LL-HLS; else empty. */
  readonly parts: readonly PlaylistPart[];
}

/** SRS's directives and what LL-HLS adds. */
export interface MediaPlaylistOptions {
  /** `hls_fragment` × `hls_td_ratio`, milliseconds: the least target duration. */
  readonly targetMs: number;
  /** `hls_window`, milliseconds. */
  readonly windowMs: number;
  /** Segments kept whatever the window says. 3: players start three target durations from the end. */
  readonly segmentsMin?: number;
  /** Longest part, milliseconds; 0 without LL-HLS. */
  readonly partTargetMs?: number;
  /** Number of the first segment: goes on from an earlier life of the playlist. */
  readonly firstSequence?: number;
  /** EXT-X-DISCONTINUITY-SEQUENCE of an earlier life, all of its discontinuities counted. */
  readonly firstDiscontinuity?: number;
  /** EXT-X-TARGETDURATION of an earlier life, milliseconds. What segments of these settings can have led to, counts. */
  readonly earlierTargetMs?: number;
}

/** What a blocking reload asks for. **Spec**: RFC 8216bis §6.2.5.2. */
export interface ReloadPoint {
  /** Media sequence number. */
  readonly sequence: number;
  /** Part of it, or null for the whole segment. */
  readonly part: number | null;
}

/** Answer at once, when more has come, or with 400. */
export type ReloadAnswer = "ready" | "wait" | "refuse";

/** Least length written: nothing that is listed lasts no time at all. */
const LISTED_MS_MIN = 1;
/** A shorter segment is not listed (SRS). */
const SEGMENT_MS_MIN = 100;
/** Nor one longer than so many target durations (SRS). */
const SEGMENT_TARGETS_MAX = 3;
/** A reload may ask this far beyond the last segment. **Spec**: RFC 8216bis §6.2.5.2. */
const RELOAD_AHEAD_MAX = 2;

/** A segment that left the window. */
interface Removed {
  readonly segment: PlaylistSegment;
  readonly disposeAtMs: number;
}

/** **Memory**: owned; at most {@link PLAYLIST_SEGMENTS_MAX} segments listed, as many again waiting to be disposed of. */
export class MediaPlaylist {
  readonly #options: Required<MediaPlaylistOptions>;
  readonly #segments: PlaylistSegment[] = [];
  readonly #removed: Removed[] = [];
  #parts: PlaylistPart[] = [];
  #openHead: SegmentHead | null = null;
  #nextSequence: number;
  #discontinuitySequence: number;
  #isBroken: boolean;
  #targetMs: number;
  #partTargetMs: number;
  #listedMs = 0;

  constructor(options: MediaPlaylistOptions) {
    const { segmentsMin = 3, partTargetMs = 0 } = options;
    const { firstSequence = 0, firstDiscontinuity = 0 } = options;
    const { targetMs, earlierTargetMs = 0 } = options;
    const rest = { segmentsMin, partTargetMs, firstSequence, firstDiscontinuity, earlierTargetMs };
    this.#options = { ...options, ...rest };
    this.#nextSequence = firstSequence;
    this.#discontinuitySequence = firstDiscontinuity;
    // Players of the earlier life must not join the two time lines.
    this.#isBroken = firstSequence > 0;
    const isOfThese = earlierTargetMs <= targetMs * SEGMENT_TARGETS_MAX;
    this.#targetMs = isOfThese ? Math.max(targetMs, earlierTargetMs) : targetMs;
    this.#partTargetMs = partTargetMs;
  }

  /** Listed segments, oldest first, **borrowed**. */
  get segments(): readonly PlaylistSegment[] {
    return this.#segments;
  }

  /** Parts of the segment in the making, **borrowed**. */
  get openParts(): readonly PlaylistPart[] {
    return this.#parts;
  }

  /** What is said before those parts; null without any. */
  get openHead(): SegmentHead | null {
    return this.#openHead;
  }

  /** Number of the segment in the making: what `[seq]` in its name is. */
  get nextSequence(): number {
    return this.#nextSequence;
  }

  /** EXT-X-MEDIA-SEQUENCE. */
  get mediaSequence(): number {
    return this.#segments[0]?.sequence ?? this.#nextSequence;
  }

  /** Number of the oldest segment that may still be fetched. */
  get oldestSequence(): number {
    return this.#removed[0]?.segment.sequence ?? this.mediaSequence;
  }

  /** EXT-X-DISCONTINUITY-SEQUENCE: discontinuities that left the window. */
  get discontinuitySequence(): number {
    return this.#discontinuitySequence;
  }

  /** EXT-X-TARGETDURATION in seconds: no listed segment is longer, and it never shrinks. */
  get targetSeconds(): number {
    return Math.max(1, Math.ceil(this.#targetMs / 1000));
  }

  /** PART-TARGET in milliseconds; 0 without LL-HLS. It never shrinks. */
  get partTargetMs(): number {
    return this.#partTargetMs;
  }

  /** List a part of the segment in the making, and what {@link add} will say of that segment. */
  addPart(part: PlaylistPart, head: SegmentHead): void {
    const isDiscontinuity = head.isDiscontinuity || this.#isBroken;
    this.#openHead = { ...head, isDiscontinuity };
    const durationMs = Math.max(LISTED_MS_MIN, part.durationMs);
    this.#partTargetMs = Math.max(this.#partTargetMs, durationMs);
    this.#parts.push({ ...part, durationMs });
  }

  /**
   * List a finished segment with the parts added since the last.
   *
   * **Peers**: as in SRS a segment under 100 ms or over three target durations is not listed; its number is used
   * again and the next segment is a discontinuity. One whose parts were listed always is.
   * @param nowMs any monotonic clock.
   * @returns the listed segment, or null.
   */
  add(segment: NewSegment, nowMs: number): PlaylistSegment | null {
    const hasParts = this.#parts.length > 0;
    const isTooLong = segment.durationMs > this.#options.targetMs * SEGMENT_TARGETS_MAX;
    if (!hasParts && (segment.durationMs < SEGMENT_MS_MIN || isTooLong)) {
      this.#isBroken ||= this.#segments.length > 0;
      return null;
    }
    const durationMs = Math.max(LISTED_MS_MIN, segment.durationMs);
    const listed: PlaylistSegment = {
      ...segment,
      durationMs,
      isDiscontinuity: segment.isDiscontinuity || this.#isBroken,
      sequence: this.#nextSequence,
      parts: this.#parts,
    };
    this.#isBroken = false;
    this.#forgetParts();
    this.#nextSequence += 1;
    this.#targetMs = Math.max(this.#targetMs, durationMs);
    this.#segments.push(listed);
    this.#listedMs += durationMs;
    this.#shrink(nowMs);
    return listed;
  }

  /** The next segment does not continue the last one. Open parts are forgotten: their segment will not be finished. */
  breakLine(): void {
    this.#isBroken = this.#segments.length > 0 || this.#nextSequence > 0;
    this.#forgetParts();
  }

  /** Segments whose media no player can ask for any more. @param nowMs the same clock as in {@link add}. */
  takeDisposable(nowMs: number): PlaylistSegment[] {
    const due = this.#removed.findIndex((one) => one.disposeAtMs > nowMs);
    const count = due < 0 ? this.#removed.length : due;
    return this.#removed.splice(0, count).map((one) => one.segment);
  }

  /**
   * The oldest segment leaves before its time, because its media costs too much: one that left the list, or the first
   * listed one. @returns null where only as many are listed as players need.
   */
  takeOldest(): PlaylistSegment | null {
    const removed = this.#removed.shift();
    if (removed !== undefined) {
      return removed.segment;
    }
    const [first] = this.#segments;
    if (first === undefined || this.#segments.length <= this.#options.segmentsMin) {
      return null;
    }
    this.#unlist(first);
    return first;
  }

  /** Every segment, listed or not yet disposed of, oldest first; none is listed afterwards (`hls_dispose`). */
  takeAll(): PlaylistSegment[] {
    const all = [...this.#removed.map((one) => one.segment), ...this.#segments];
    for (const segment of this.#segments) {
      this.#discontinuitySequence += segment.isDiscontinuity ? 1 : 0;
    }
    this.#removed.length = 0;
    this.#segments.length = 0;
    this.#listedMs = 0;
    this.breakLine();
    return all;
  }

  /** Whether what a blocking reload asks for is there. */
  answer(point: ReloadPoint): ReloadAnswer {
    const parts = this.#segments.map((segment) => segment.parts.length);
    const { mediaSequence, nextSequence } = this;
    return answerReload(
      { mediaSequence, nextSequence, parts, openParts: this.#parts.length },
      point,
    );
  }

  #forgetParts(): void {
    this.#parts = [];
    this.#openHead = null;
  }

  /** SRS's window: the segment that crosses its edge stays. */
  #shrink(nowMs: number): void {
    let first = this.#segments[0];
    while (first !== undefined && this.#isExpired(first)) {
      this.#unlist(first);
      // RFC 8216 §6.2.2: its own length and that of the longest playlist that listed it.
      const graceMs = first.durationMs + this.#listedMs + 2 * this.#targetMs;
      this.#removed.push({ segment: first, disposeAtMs: nowMs + graceMs });
      first = this.#segments[0];
    }
  }

  #unlist(first: PlaylistSegment): void {
    this.#segments.shift();
    this.#listedMs -= first.durationMs;
    this.#discontinuitySequence += first.isDiscontinuity ? 1 : 0;
  }

  #isExpired(first: PlaylistSegment): boolean {
    const { segmentsMin, windowMs } = this.#options;
    const count = this.#segments.length;
    return (
      count > PLAYLIST_SEGMENTS_MAX ||
      (count > segmentsMin && this.#listedMs - first.durationMs > windowMs)
    );
  }
}

/** How far a playlist has come. */
export interface ReloadState {
  /** EXT-X-MEDIA-SEQUENCE. */
  readonly mediaSequence: number;
  /** Number of the segment in the making. */
  readonly nextSequence: number;
  /** Parts of each listed segment, oldest first. */
  readonly parts: readonly number[];
  /** Parts of the segment in the making. */
  readonly openParts: number;
}

/** Whether a playlist that has come so far has what a blocking reload asks for. */
export function answerReload(state: ReloadState, point: ReloadPoint): ReloadAnswer {
  const { mediaSequence, nextSequence, parts, openParts } = state;
  const { part } = point;
  let sequence = point.sequence;
  let wanted = part;
  if (sequence > nextSequence - 1 + RELOAD_AHEAD_MAX) {
    return "refuse";
  }
  const listed = parts[sequence - mediaSequence];
  if (wanted !== null && listed !== undefined && wanted >= listed) {
    // Beyond a finished segment's last part: the first part of the next.
    sequence += 1;
    wanted = 0;
  }
  if (sequence < nextSequence) {
    return "ready";
  }
  const isOpen = sequence === nextSequence && wanted !== null;
  return isOpen && wanted !== null && wanted < openParts ? "ready" : "wait";
}
