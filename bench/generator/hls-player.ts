/**
 * A plain HLS player: one kept connection, playlist, segments one after the other, playlist again. It begins two
 * segments before the newest and reads on from there; what left the playlist before it was read is a gap.
 */
import { decodePlaylist, type Playlist, resolveUri } from "../hls/playlist.ts";
import { TsSkimmer } from "../hls/ts-skimmer.ts";
import { ResponseReader, type ResponseSink } from "../http/response-reader.ts";
import { readPublisher, readSequence, readTimeUs } from "../media/stamp.ts";
import { nowUs } from "../native/clock.ts";
import type { Reactor } from "../native/reactor.ts";
import { ClientSocket, type SocketOwner } from "./client-socket.ts";
import { encodeRequest } from "./flv-client.ts";
import { FrameCheck } from "./frame-check.ts";
import type { MediaTarget } from "./media-client.ts";
import type { Tally } from "./tally.ts";

const SEGMENTS_BEHIND = 2;
const PLAYLIST_CHARS_MAX = 1_000_000;
const RETRY_MS = 500;
const REFUSALS_MAX = 60;
const OK = 200;
const NOT_FOUND = 404;

const decoder = new TextDecoder();

export class HlsPlayer implements SocketOwner, ResponseSink {
  readonly #socket: ClientSocket;
  readonly #tally: Tally;
  readonly #target: MediaTarget;
  readonly #check: FrameCheck;
  readonly #response: ResponseReader = new ResponseReader();
  readonly #ts: TsSkimmer = new TsSkimmer();
  #playlistPath: string;
  /** What the response on its way answers. */
  #asked: "playlist" | "segment" = "playlist";
  #status: number = 0;
  #text: string = "";
  #playlist: Playlist | undefined;
  #nextSequence: number = -1;
  #dueUs: number = Number.POSITIVE_INFINITY;
  #reloadMs: number = RETRY_MS;
  #refusals: number = 0;

  constructor(reactor: Reactor, target: MediaTarget, about: { tally: Tally; arrivalUs: number }) {
    this.#tally = about.tally;
    this.#target = target;
    this.#playlistPath = target.path.replace("{stream}", target.stream);
    this.#check = new FrameCheck(about.tally, about.arrivalUs);
    this.#socket = new ClientSocket(reactor, target.port, this);
  }

  connected(): void {
    this.#askPlaylist();
  }

  received(bytes: Uint8Array, start: number, end: number): void {
    this.#response.push(bytes, start, end, this);
  }

  head(status: number): void {
    this.#status = status;
    this.#text = "";
    this.#ts.reset();
  }

  body(bytes: Uint8Array, start: number, end: number): void {
    if (this.#asked === "segment" && this.#status === OK) {
      this.#tally.counts.payloadBytes += end - start;
      this.#ts.push(bytes, start, end, this);
    } else if (this.#text.length < PLAYLIST_CHARS_MAX) {
      this.#text += decoder.decode(bytes.subarray(start, end).slice());
    }
  }

  frame(isKey: boolean, bytes: Uint8Array, offset: number): void {
    this.#tally.counts.frames++;
    const publish = readPublisher(bytes, offset);
    this.#check.video(isKey, publish, readSequence(bytes, offset), readTimeUs(bytes, offset));
  }

  end(): void {
    if (this.#status !== OK) {
      this.#refused();
    } else if (this.#asked === "playlist") {
      this.#refusals = 0;
      this.#tally.counts.playlists++;
      this.#heardPlaylist(decodePlaylist(this.#text));
    } else {
      this.#tally.counts.segments++;
      this.#nextSequence++;
      this.#askNext();
    }
  }

  writable(): void {}

  lost(reason: string): void {
    this.#dueUs = Number.POSITIVE_INFINITY;
    this.#tally.lose(`hls: ${reason}`, this.#check.isLive);
  }

  /** Ask again when it is time to. @returns when it is. */
  reloadWhenDue(timeUs: number): number {
    if (this.#dueUs <= timeUs) {
      this.#askPlaylist();
    }
    return this.#dueUs;
  }

  /** A playlist that is not there yet is asked for again; a segment that is gone is a gap. */
  #refused(): void {
    this.#refusals++;
    if (this.#status !== NOT_FOUND || this.#refusals > REFUSALS_MAX) {
      throw new Error(`HTTP status ${this.#status} for a ${this.#asked}`);
    }
    if (this.#asked === "segment") {
      this.#nextSequence++;
    }
    this.#wait(RETRY_MS);
  }

  #heardPlaylist(playlist: Playlist): void {
    if (playlist.variant !== "") {
      this.#playlistPath = resolveUri(this.#playlistPath, playlist.variant);
      this.#askPlaylist();
      return;
    }
    const last = playlist.firstSequence + playlist.segments.length - 1;
    const isNews = this.#nextSequence < 0 || last >= this.#nextSequence;
    if (this.#nextSequence < 0 && playlist.segments.length > 0) {
      this.#nextSequence = Math.max(playlist.firstSequence, last + 1 - SEGMENTS_BEHIND);
    }
    this.#nextSequence = Math.max(this.#nextSequence, playlist.firstSequence);
    this.#playlist = playlist;
    // RFC 8216 §6.3.4: a target duration after news, half of it when there was none.
    this.#reloadMs = isNews ? playlist.targetDurationMs : playlist.targetDurationMs / 2;
    this.#askNext();
  }

  /** The next segment that is listed, or the playlist in due time. */
  #askNext(): void {
    const list = this.#playlist;
    const uri = list?.segments[this.#nextSequence - list.firstSequence];
    if (uri === undefined) {
      this.#wait(this.#reloadMs);
      return;
    }
    this.#asked = "segment";
    this.#ask(resolveUri(this.#playlistPath, uri));
  }

  #wait(ms: number): void {
    this.#dueUs = nowUs() + ms * 1000;
  }

  #askPlaylist(): void {
    this.#dueUs = Number.POSITIVE_INFINITY;
    this.#asked = "playlist";
    this.#ask(this.#playlistPath);
  }

  #ask(path: string): void {
    this.#socket.send(encodeRequest(this.#target.port, path, []));
  }
}
