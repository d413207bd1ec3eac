/**
 * HLS over HTTP: playlists for viewers that the primary has admitted, and what those list, from memory.
 *
 * Spec: RFC 8216; RFC 8216bis §6.2.5 for blocking reloads. Sessions (`hls_ctx`) as in SRS.
 */

import type { FromShard, HlsQuestion } from "../../protocol/control/calls.ts";
import type {
  HlsAnswer,
  HlsEnded,
  HlsNews,
  HlsPlaylist,
  HlsTold,
} from "../../protocol/control/hls.ts";
import type { HlsGuards } from "../../protocol/control/hls-guards.ts";
import type { RefusalSink, ThreadRefusal } from "../../protocol/control/refusal-counts.ts";
import { answerReload } from "../../protocol/hls/media-playlist.ts";
import { encodeSessionPlaylist, fillTemplate } from "../../protocol/hls/playlist-text.ts";
import { decodeReloadQuery, type ReloadQuery } from "../../protocol/hls/reload-query.ts";
import { vhostOfHttp } from "../../protocol/rtmp/stream-url.ts";
import { decodePercent } from "../../protocol/rtmp/url-text.ts";
import type { HeaderList, HttpReply, HttpRequest } from "../io/http-backend.ts";
import { HlsDoor } from "./hls-door.ts";
import { type FoundFile, HlsLibrary } from "./hls-library.ts";
import { HlsWaiters } from "./hls-waiters.ts";
import type { HttpService } from "./http-service.ts";
import { type AdmittedViewer, OpenPlaylists, openPlaceOf } from "./open-playlists.ts";
import { PlaylistTemplates } from "./playlist-templates.ts";
import { viewerQuestion } from "./viewer-question.ts";

const PLAYLIST_TYPE = "application/vnd.apple.mpegurl";
const SESSION = "hls_ctx";
/** Segments have names of their own: a cache may keep them for as long as anybody asks. */
const SEGMENT_CACHE = "max-age=60";
/** A blocking reload, or a part that was announced, is waited for at most so long. */
const BLOCK_MS = 12_000;
/** A session unused here for so long is asked about again: news of its end may have overtaken it. */
const UNUSED_MS = 600_000;
const PRUNE_MS = 60_000;

/** What may be HLS's, and requests of this kind that wait until it is known. */
const EARLY = /\.(?:m3u8|ts|m4s|mp4|key)$/;
const EARLY_MAX = 1000;

/** What the service works with. */
export interface HlsServiceHost {
  /** Headers of every answer. */
  readonly cors: HeaderList;
  /** Milliseconds, monotonic. */
  now(): number;
  /** Of the configuration in force. */
  version(): number;
  admitHls(question: HlsQuestion): Promise<HlsAnswer>;
  post(message: FromShard): void;
}

/** A request for a playlist. */
interface PlaylistRequest {
  readonly request: HttpRequest;
  readonly reply: HttpReply;
  readonly path: string;
  /** The vhost that it names. */
  readonly host: string;
  readonly parameters: URLSearchParams;
}

interface KnownSession {
  readonly answer: AdmittedViewer;
  readonly path: string;
  /** Milliseconds, monotonic. */
  usedMs: number;
}

/** Answers what belongs to HLS. */
export class HlsService implements HttpService {
  readonly #host: HlsServiceHost;
  readonly #library = new HlsLibrary();
  readonly #waiters: HlsWaiters;
  readonly #templates = new PlaylistTemplates();
  /** Headers by content type, each list made once. */
  readonly #headers = new Map<string, HeaderList>();
  /** Sessions that the primary admitted, until it says that they are over. */
  readonly #sessions = new Map<string, KnownSession>();
  readonly #open: OpenPlaylists;
  readonly #door: HlsDoor;
  /** Until when what is asked for under a session is refused. */
  readonly #interrupted = new Map<string, number>();
  /** Bytes sent under each session since it was last told. */
  readonly #touched = new Map<string, number>();
  readonly #refused: RefusalSink;
  #nextPrune = 0;
  /** False for a moment after the thread's start: what is not there may be on its way. */
  #isTold = false;
  readonly #early: (() => void)[] = [];

  constructor(host: HlsServiceHost, refused: RefusalSink = () => undefined) {
    this.#host = host;
    this.#open = new OpenPlaylists(host);
    this.#door = new HlsDoor(() => host.now());
    this.#waiters = new HlsWaiters(() => host.now());
    this.#refused = refused;
  }

  /** Takes news of streams, of sessions, and of who asks for permission. */
  news(news: HlsNews | HlsEnded | HlsTold | HlsGuards): void {
    if (news.kind === "hls-guards") {
      this.#door.take(news);
      return;
    }
    if (news.kind === "hls") {
      this.#library.take(news);
      this.#waiters.look(news.key);
      return;
    }
    if (news.kind === "hls-told") {
      this.#isTold = true;
      for (const again of this.#early.splice(0)) {
        again();
      }
      return;
    }
    this.#open.ended(news.sessions);
    for (const session of news.sessions) {
      this.#sessions.delete(session);
      if (news.refusedMs > 0) {
        this.#interrupted.set(session, this.#host.now() + news.refusedMs);
      }
    }
  }

  take(request: HttpRequest, reply: HttpReply, next: () => void): void {
    const { method } = request;
    if (!this.#isTold && EARLY.test(request.path) && this.#early.length < EARLY_MAX) {
      this.#early.push(() => this.take(request, reply, next));
      return;
    }
    const path = decodePercent(request.path);
    if (path === undefined || (method !== "GET" && method !== "HEAD")) {
      next();
      return;
    }
    const parameters = new URLSearchParams(request.query);
    const host = vhostOfHttp(request.header("host"), request.query);
    const file = this.#library.file(host, path);
    if (file !== undefined) {
      this.#sendFile(file, reply, parameters);
    } else if (path.endsWith(".m3u8")) {
      this.#playlist({ request, reply, host, path, parameters }, next);
    } else {
      this.#awaitPart({ request, reply, host, path, parameters }, next);
    }
  }

  /** Whether a request may have a file that lies there on disk. Never rejects. */
  admitsFile(path: string, { query }: HttpRequest): Promise<boolean> {
    return this.#door.admitsFile(path, query, (key) => this.#library.has(key));
  }

  /** Often: ends those whose time is over. */
  tick(now: number): void {
    this.#waiters.expire(now);
  }

  /** Every second: tells which sessions made requests. */
  tickSlow(): void {
    if (this.#touched.size > 0) {
      this.#host.post({ kind: "hls-touched", sessions: [...this.#touched] });
      this.#touched.clear();
    }
    this.#open.prune();
    const now = this.#host.now();
    for (const [session, until] of this.#interrupted) {
      if (until < now) {
        this.#interrupted.delete(session);
      }
    }
    if (now >= this.#nextPrune) {
      this.#nextPrune = now + PRUNE_MS;
      for (const [session, { usedMs }] of this.#sessions) {
        if (now - usedMs > UNUSED_MS) {
          this.#sessions.delete(session);
        }
      }
    }
  }

  /** Answers all who wait. */
  stop(): void {
    this.news({ kind: "hls-told" });
    this.#waiters.expire(Number.POSITIVE_INFINITY);
  }

  #playlist(asked: PlaylistRequest, next: () => void): void {
    const { request, reply, path, parameters } = asked;
    const session = parameters.get(SESSION) ?? "";
    const known = this.#sessions.get(session);
    if (known?.path === path) {
      known.usedMs = this.#host.now();
      this.#serve(known.answer, asked);
      return;
    }
    const place = openPlaceOf(request.header("host"), request.path, request.query);
    const open = place === null || this.#interrupted.has(session) ? null : this.#open.find(place);
    if (open !== null && this.#library.playlist(open.key) !== null) {
      this.#serve(open, asked);
      return;
    }
    const question: HlsQuestion = {
      ...viewerQuestion(request),
      session,
      isHead: request.method === "HEAD",
    };
    const version = this.#host.version();
    this.#host.admitHls(question).then(
      (answer) => {
        if (place !== null) {
          this.#open.learn(place, version, answer);
        }
        this.#answered(answer, asked, next);
      },
      () => {
        this.#refused("http_no_answer");
        reply.send(504, this.#host.cors, "No answer in time\n");
      },
    );
  }

  #answered(answer: HlsAnswer, asked: PlaylistRequest, next: () => void): void {
    const { reply, path } = asked;
    if (answer.kind === "elsewhere") {
      next();
    } else if (answer.kind === "refused") {
      this.#refuse(reply, answer.status, answer.description, answer.location);
    } else {
      if (answer.isNamed && answer.session !== "") {
        const known = { answer: { ...answer, isNew: false }, path, usedMs: this.#host.now() };
        this.#sessions.set(answer.session, known);
      }
      if (answer.isNew) {
        this.#sendMaster(answer, asked);
      } else {
        this.#serve(answer, asked);
      }
    }
  }

  /** The playlist that tells a viewer of its session. */
  #sendMaster(
    { session, isMasterRelative }: AdmittedViewer,
    { request, reply }: PlaylistRequest,
  ): void {
    const uri = isMasterRelative
      ? request.path.slice(request.path.lastIndexOf("/") + 1)
      : request.path;
    const pairs = request.query.split("&").filter((pair) => !/^(?:hls_ctx=.*)?$/.test(pair));
    const parameters = [session, ...pairs].join("&");
    this.#send(reply, PLAYLIST_TYPE, "no-cache", encodeSessionPlaylist(uri, parameters));
  }

  #serve(answer: AdmittedViewer, asked: PlaylistRequest): void {
    const { request, reply } = asked;
    this.#touch(answer.session, 0);
    const reload = decodeReloadQuery(request.query);
    if (reload === null) {
      this.#refuseHere(reply, 400, "Not a reload of HLS", "http_bad_request");
      return;
    }
    const { key } = answer;
    const look = (): boolean => {
      const playlist = this.#library.playlist(key);
      const state = playlist === null ? "wait" : stateOf(playlist, reload);
      if (state === "refuse") {
        this.#refuseHere(reply, 400, "That is too far ahead", "http_bad_request");
      } else if (state === "ready" && playlist !== null) {
        this.#sendPlaylist(playlist, answer, asked, reload.isDelta);
      }
      return state !== "wait";
    };
    if (!look()) {
      const isThere = this.#library.playlist(key) !== null;
      const untilMs = this.#host.now() + (isThere ? BLOCK_MS : answer.waitMs);
      const expired = (): void =>
        this.#refuseHere(reply, isThere ? 503 : 404, "Not there in time", "http_late");
      const isPatient = !isThere && reload.point === null;
      reply.onGone(this.#waiters.add({ key, untilMs, isPatient, look, expired }));
    }
  }

  #sendPlaylist(
    playlist: HlsPlaylist,
    { key, session, isNamed, hasSegmentSessions }: AdmittedViewer,
    { reply, parameters }: PlaylistRequest,
    isDelta: boolean,
  ): void {
    const vhost = parameters.get("vhost") || parameters.get("domain");
    const named = isNamed && hasSegmentSessions ? session : "";
    const own = [
      ...(named === "" ? [] : [`${SESSION}=${named}`]),
      ...(vhost === null || vhost === "" ? [] : [`vhost=${encodeURIComponent(vhost)}`]),
    ].join("&");
    // Who asks for headers alone has no session, and is given nothing.
    const isSigned = session !== "" && this.#door.isGuarded(key);
    const groups = isSigned ? () => this.#library.groupsOf(key) : null;
    const template = this.#templates.of(playlist, isDelta, groups);
    const body = fillTemplate(template, own, isSigned ? this.#door.queries(key, named) : undefined);
    this.#touch(session, body.length);
    this.#send(reply, PLAYLIST_TYPE, "no-cache", body);
  }

  /** A part that was announced and is not there yet. */
  #awaitPart({ reply, host, path, parameters }: PlaylistRequest, next: () => void): void {
    const key = this.#library.hinted(host, path);
    if (key === undefined) {
      next();
      return;
    }
    const group = this.#library.playlist(key)?.group ?? 0;
    if (!this.#door.admits(key, group, parameters)) {
      this.#refuseUnsigned(reply);
      return;
    }
    const look = (): boolean => {
      const file = this.#library.file(host, path);
      if (file !== undefined) {
        this.#sendFile(file, reply, parameters);
      }
      return file !== undefined;
    };
    const untilMs = this.#host.now() + BLOCK_MS;
    const expired = (): void => this.#refuseHere(reply, 404, "No such part", "http_late");
    reply.onGone(this.#waiters.add({ key, untilMs, isPatient: false, look, expired }));
  }

  #sendFile({ file, key }: FoundFile, reply: HttpReply, parameters: URLSearchParams): void {
    const session = parameters.get(SESSION) ?? "";
    if (this.#interrupted.has(session)) {
      this.#refuseHere(reply, 404, "The session was ended", "interrupted");
      return;
    }
    if (!this.#door.admits(key, file.group, parameters)) {
      this.#refuseUnsigned(reply);
      return;
    }
    if (this.#sessions.has(session)) {
      this.#touch(session, file.bytes.byteLength);
    }
    this.#send(reply, file.contentType, SEGMENT_CACHE, new Uint8Array(file.bytes));
  }

  #refuseUnsigned(reply: HttpReply): void {
    this.#refuseHere(reply, 403, "Not from a playlist of this viewer", "http_unsigned");
  }

  #touch(session: string, bytes: number): void {
    if (session !== "") {
      this.#touched.set(session, (this.#touched.get(session) ?? 0) + bytes);
    }
  }

  #send(reply: HttpReply, type: string, cache: string, body: Uint8Array | string): void {
    let headers = this.#headers.get(type);
    if (headers === undefined) {
      headers = [...this.#host.cors, ["Content-Type", type], ["Cache-Control", cache]];
      this.#headers.set(type, headers);
    }
    reply.send(200, headers, body);
  }

  /** What the primary was not asked about. */
  #refuseHere(reply: HttpReply, status: number, text: string, reason: ThreadRefusal): void {
    if (reply.isOpen) {
      this.#refused(reason);
    }
    this.#refuse(reply, status, text);
  }

  #refuse(reply: HttpReply, status: number, text: string, location: string | null = null): void {
    const headers: HeaderList = [
      ...this.#host.cors,
      ...(location === null ? [] : ([["Location", location]] as const)),
      ["Content-Type", "text/plain"],
      ["Cache-Control", "no-cache"],
    ];
    reply.send(status, headers, `${text}\n`);
  }
}

/** Whether a playlist is what a viewer asks for; without LL-HLS it always is. */
function stateOf(playlist: HlsPlaylist, { point }: ReloadQuery): "ready" | "wait" | "refuse" {
  return point === null || playlist.hint === "" ? "ready" : answerReload(playlist, point);
}
