/**
 * A plain HLS player: one kept connection, a playlist once for each segment's duration, and from it the segments one
 * after the other. It begins two segments before the newest and reads on from there.
 *
 * When it polls is its own business: the first time as it comes, then by its own clock, whatever the server does with
 * its answers and wherever segments begin. So a crowd that did not come all at once does not ask all at once.
 */
import { decodePlaylist, type Playlist, resolveUri } from "../hls/playlist.ts";
import { ResponseReader, type ResponseSink } from "../http/response-reader.ts";
import { nowUs } from "../native/clock.ts";
import type { DueQueue } from "../native/due-queue.ts";
import type { Reactor } from "../native/reactor.ts";
import { ClientSocket, type DropSink, type SocketOwner } from "./client-socket.ts";
import { encodeRequest } from "./flv-client.ts";
import type { MediaTarget } from "./media-client.ts";
import { SegmentCheck, type SegmentSizes } from "./segment-check.ts";
import type { Tally } from "./tally.ts";

const SEGMENTS_BEHIND = 2;
const PLAYLIST_CHARS_MAX = 1_000_000;
/** A head and a playlist, or a head and the first packets of a segment, of which the rest is dropped. */
const READ_LITTLE_BYTES = 4096;
const RETRY_MS = 500;
const REFUSALS_MAX = 60;
const OK = 200;
const NOT_FOUND = 404;
const US_PER_MS = 1000;

const decoder = new TextDecoder();

/** What a player is given. */
export interface HlsPlayerAbout {
  readonly tally: Tally;
  /** When it was due to come. */
  readonly arrivalUs: number;
  /** It reads every frame. */
  readonly isWhole: boolean;
  readonly sizes: SegmentSizes;
  /** When who polls. */
  readonly polls: DueQueue<HlsPlayer>;
}

/** Let those poll whose time has come. @returns when the next one's does. */
export function pollWhenDue(polls: DueQueue<HlsPlayer>, timeUs: number): number {
  for (let dueUs = polls.nextUs; dueUs <= timeUs; dueUs = polls.nextUs) {
    polls.take(timeUs)?.poll(dueUs);
  }
  return polls.nextUs;
}

export class HlsPlayer implements SocketOwner, ResponseSink, DropSink {
  readonly #reactor: Reactor;
  readonly #isWhole: boolean;
  #socket: ClientSocket;
  readonly #tally: Tally;
  readonly #target: MediaTarget;
  readonly #polls: DueQueue<HlsPlayer>;
  readonly #segment: SegmentCheck;
  #response: ResponseReader = new ResponseReader();
  #playlistPath: string;
  #playlistRequest: Uint8Array;
  /** What the response on its way answers. */
  #asked: "nothing" | "playlist" | "segment" = "nothing";
  #askedUs: number = 0;
  #request: Uint8Array = new Uint8Array();
  /** Answers on this connection so far. */
  #answers: number = 0;
  /** Something of the answer has come. */
  #isAnswering: boolean = false;
  #status: number = 0;
  #text: string = "";
  /** The last one heard, to see whether another one has news. */
  #playlistText: string = "";
  #playlist: Playlist | undefined;
  #nextSequence: number = -1;
  /** When the poll was due that was made last, or waits for the connection. */
  #pollDueUs: number;
  #isPollDue: boolean = false;
  #refusals: number = 0;
  /** Bytes are being looked at; it stays so when they are refused. */
  #isHeeding: boolean = false;
  /** Lost for good. */
  #isGone: boolean = false;

  constructor(reactor: Reactor, target: MediaTarget, about: HlsPlayerAbout) {
    this.#tally = about.tally;
    this.#target = target;
    this.#polls = about.polls;
    this.#segment = new SegmentCheck(about.tally, about);
    this.#playlistPath = target.path.replace("{stream}", target.stream);
    this.#playlistRequest = encodeRequest(target.port, this.#playlistPath, []);
    this.#pollDueUs = about.arrivalUs;
    this.#reactor = reactor;
    this.#isWhole = about.isWhole;
    this.#socket = this.#connect();
  }

  connected(): void {
    if (this.#asked === "nothing") {
      this.#askPlaylist(nowUs());
    } else {
      this.#socket.send(this.#request);
    }
  }

  /** Ask for the playlist, which was due then; after what is on its way. */
  poll(dueUs: number): void {
    this.#pollDueUs = dueUs;
    if (this.#asked === "nothing") {
      this.#askPlaylist(dueUs);
    } else {
      this.#isPollDue = true;
    }
  }

  received(bytes: Uint8Array, start: number, end: number): void {
    this.#isAnswering = true;
    this.#isHeeding = true;
    this.#response.push(bytes, start, end, this);
    this.#isHeeding = false;
    if (this.#isMedia() && !this.#segment.isLooking) {
      this.#socket.drop(this.#response.bodyLeft, this);
    }
  }

  dropped(sizeBytes: number): void {
    this.#isHeeding = true;
    this.#segment.count(sizeBytes);
    this.#response.skip(sizeBytes, this);
    this.#isHeeding = false;
  }

  head(status: number): void {
    this.#status = status;
    this.#text = "";
    this.#segment.begin();
  }

  body(bytes: Uint8Array, start: number, end: number): void {
    if (this.#isMedia()) {
      this.#segment.bytes(bytes, start, end);
    } else if (this.#text.length < PLAYLIST_CHARS_MAX) {
      this.#text += decoder.decode(bytes.subarray(start, end).slice());
    }
  }

  end(): void {
    const asked = this.#asked;
    this.#asked = "nothing";
    this.#isAnswering = false;
    this.#answers++;
    if (this.#status !== OK) {
      this.#refused(asked);
    } else if (asked === "playlist") {
      this.#refusals = 0;
      this.#tally.polled(nowUs() - this.#askedUs);
      this.#heardPlaylist();
    } else {
      this.#segment.end(this.#nextSequence);
      this.#tally.fetched(nowUs() - this.#askedUs);
      this.#nextSequence++;
      this.#askNext();
    }
  }

  writable(): void {}

  /** A kept connection may be closed between answers (RFC 9112 §9.3.1): what was asked meanwhile is asked again. */
  lost(reason: string): void {
    if (this.#answers > 0 && !(this.#isAnswering || this.#isHeeding)) {
      this.#tally.counts.reconnects++;
      if (this.#asked !== "nothing") {
        this.#socket = this.#connect();
      }
      return;
    }
    this.#asked = "nothing";
    this.#isGone = true;
    this.#tally.lose(`hls: ${reason}`, this.#segment.isLive);
  }

  #connect(): ClientSocket {
    const socket = new ClientSocket(this.#reactor, this.#target.port, this);
    this.#response = new ResponseReader();
    this.#answers = 0;
    if (!this.#isWhole) {
      socket.readLittle(READ_LITTLE_BYTES);
    }
    return socket;
  }

  #isMedia(): boolean {
    return this.#asked === "segment" && this.#status === OK;
  }

  /** A playlist that is not there yet is asked for again; a segment that is gone is left out. */
  #refused(asked: string): void {
    this.#refusals++;
    // Before the first playlist the stream may not be there yet.
    this.#tally.counts.refusals += this.#playlist === undefined ? 0 : 1;
    if (this.#status !== NOT_FOUND || this.#refusals > REFUSALS_MAX) {
      throw new Error(`HTTP status ${this.#status} for a ${asked}`);
    }
    if (asked === "segment") {
      this.#leaveOut(this.#nextSequence + 1);
    } else {
      this.#polls.add(nowUs() + RETRY_MS * US_PER_MS, this);
    }
  }

  #heardPlaylist(): void {
    if (this.#text === this.#playlistText) {
      this.#pollLater(false);
      this.#askNext();
      return;
    }
    const playlist = decodePlaylist(this.#text);
    if (playlist.variant !== "") {
      this.#playlistPath = resolveUri(this.#playlistPath, playlist.variant);
      this.#playlistRequest = encodeRequest(this.#target.port, this.#playlistPath, []);
      this.#askPlaylist(nowUs());
      return;
    }
    this.#playlistText = this.#text;
    this.#playlist = playlist;
    const end = playlist.firstSequence + playlist.segments.length;
    if (this.#nextSequence < 0 && playlist.segments.length > 0) {
      this.#nextSequence = Math.max(playlist.firstSequence, end - SEGMENTS_BEHIND);
    }
    const isNews = end > this.#nextSequence;
    this.#leaveOut(playlist.firstSequence);
    this.#pollLater(isNews);
    this.#askNext();
  }

  /** Segments before this one are not there any more: they count as missed. */
  #leaveOut(sequence: number): void {
    if (this.#nextSequence >= 0 && this.#nextSequence < sequence) {
      this.#tally.counts.segmentsMissed += sequence - this.#nextSequence;
      this.#nextSequence = sequence;
    }
  }

  /**
   * RFC 8216 §6.3.4: a target duration after news, half of it when there was none; as hls.js does, no longer than the
   * newest segment. Counted from when this poll was due.
   */
  #pollLater(isNews: boolean): void {
    const { targetDurationMs = RETRY_MS, lastDurationMs = 0 } = this.#playlist ?? {};
    const newsMs =
      lastDurationMs > 0 ? Math.min(lastDurationMs, targetDurationMs) : targetDurationMs;
    const ms = isNews ? newsMs : targetDurationMs / 2;
    // One that is long overdue is made once.
    this.#polls.add(Math.max(this.#pollDueUs + ms * US_PER_MS, nowUs()), this);
  }

  /** The poll that waits for the connection, or the next segment that is listed. */
  #askNext(): void {
    if (this.#isPollDue) {
      this.#askPlaylist(nowUs());
      return;
    }
    const list = this.#playlist;
    const uri = list?.segments[this.#nextSequence - list.firstSequence];
    if (uri !== undefined) {
      const path = resolveUri(this.#playlistPath, uri);
      this.#ask("segment", nowUs(), encodeRequest(this.#target.port, path, []));
    }
  }

  #askPlaylist(askedUs: number): void {
    this.#isPollDue = false;
    this.#ask("playlist", askedUs, this.#playlistRequest);
  }

  #ask(asked: "playlist" | "segment", askedUs: number, request: Uint8Array): void {
    this.#asked = asked;
    this.#askedUs = askedUs;
    this.#request = request;
    if (!this.#socket.isClosed) {
      this.#socket.send(request);
    } else if (!this.#isGone) {
      this.#socket = this.#connect();
    }
  }
}
