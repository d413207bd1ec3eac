/**
 * Viewers of HLS: who may have a playlist, and their sessions (`hls_ctx`). A session is a client like any other, with a
 * row on the board of the stream's packager; gateways report once a second which sessions made requests, and one that
 * made none for twice the window is over.
 *
 * A viewer counts as a player of its stream: at an edge it is fetched for as long as somebody asks for the playlist.
 * Where sessions are off, all viewers of a stream are one nameless session, which is no client.
 */

import { randomInt } from "node:crypto";
import type { Config, VhostConfig } from "../../protocol/conf/config.ts";
import type { EndReason, HlsQuestion } from "../../protocol/control/calls.ts";
import type { HlsAnswer, HlsTouches } from "../../protocol/control/hls.ts";
import { beginSessionRow, endSessionRow } from "../../protocol/control/session-row.ts";
import { RejectedError } from "../../protocol/errors.ts";
import type { StreamRequest } from "../../protocol/rtmp/stream-url.ts";
import type { Admission, AdmittedStream, Applicant } from "../accept/admission.ts";
import { newConnectionId } from "../accept/connection-id.ts";
import { logRefusal } from "../accept/refusals.ts";
import { type Clients, NO_STREAMS } from "../coordinator/clients.ts";
import type { Coordinator, PlayerShare } from "../coordinator/coordinator.ts";
import type { Edge } from "../coordinator/edge.ts";
import type { HookSession } from "../hooks/hook-session.ts";
import type { Hooks } from "../hooks/hooks.ts";
import type { Logger } from "../log/logger.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import { postToGateways } from "../shards/to-gateways.ts";
import { isAsked } from "./hls-guards.ts";
import { type HlsTarget, hlsTargetOf } from "./hls-target.ts";
import { refusedViewer } from "./refused-viewer.ts";

/** What a viewer says its session is; longer ones get another. */
const SESSION_SHAPE = /^[\w.-]{1,64}$/;
/** A session without requests ends after so many windows (SRS). */
const WINDOWS_MAX = 2;
/** Nor before so many segments could have been asked for. */
const FRAGMENTS_MIN = 3;
/** Sessions that were ended from here are refused for so long, */
const INTERRUPTED_MS = 120_000;
/** and for so many times what ends one without requests: longer than segments are kept. */
const KEPT_EXPIRIES = 2;
const INTERRUPTED_MAX = 10_000;
/** A playlist that is not there yet: its first segment takes a fragment, and an origin's answer at an edge. */
const WAIT_MS_MIN = 5000;
const WAIT_MS_MAX = 30_000;

/** What viewers of HLS are admitted with. */
export interface HlsViewersHost {
  config(): Config;
  readonly admission: Admission;
  readonly coordinator: Coordinator;
  readonly clients: Clients;
  readonly edge: Edge;
  readonly hooks: Pick<Hooks, "open" | "segment">;
  readonly log: Logger;
  /** Live table of all threads. */
  readonly links: readonly (ShardLink | undefined)[];
  /** Milliseconds, monotonic. */
  now(): number;
  /** The stream's output has something to fetch. */
  hasPlaylist(key: string): boolean;
  /** A session's row is FREE again. */
  ended(link: ShardLink, row: number, reason: EndReason): void;
  /** One was refused, for metrics. */
  refused(reason: string): void;
}

interface Session {
  readonly id: string;
  readonly key: string;
  readonly link: ShardLink;
  readonly share: PlayerShare;
  /** On the packager's board; -1 for the nameless one. */
  readonly row: number;
  readonly expiryMs: number;
  /** Milliseconds, monotonic: when it made a request last. */
  lastMs: number;
}

/** A viewer without a session. */
interface NewViewer extends HlsTarget {
  readonly id: string;
  /** The session that it names, or ''. */
  readonly asked: string;
  readonly stream: AdmittedStream;
  readonly question: HlsQuestion;
}

const NO_BYTES = { sent: 0, received: 0 };

/** Who knows a session's name may watch: it is not to be guessed. */
function secureRandom(): number {
  return randomInt(2 ** 32) / 2 ** 32;
}

function applicantOf({ ip }: HlsQuestion, { pageUrl, tcUrl, param }: StreamRequest): Applicant {
  return { id: "", ip, pageUrl, tcUrl, param, hooks: undefined };
}

const ELSEWHERE: HlsAnswer = { kind: "elsewhere" };

/** All sessions of the host. */
export class HlsViewers {
  readonly #host: HlsViewersHost;
  readonly #sessions = new Map<string, Session>();
  /** Those that are clients, by thread and row. */
  readonly #byRow = new Map<string, Session>();
  /** Until when a session is refused. */
  readonly #interrupted = new Map<string, number>();
  /** New viewers who are decided about, by session and stream. */
  readonly #deciding = new Map<string, Promise<HlsAnswer>>();
  #serial = 0;

  constructor(host: HlsViewersHost) {
    this.#host = host;
  }

  /** Answers a gateway about a playlist. */
  async admit(question: HlsQuestion): Promise<HlsAnswer> {
    try {
      const target = hlsTargetOf(this.#host.config(), question);
      return target === null ? ELSEWHERE : await this.#admit(question, target);
    } catch (error) {
      if (!(error instanceof RejectedError)) {
        throw error;
      }
      await this.#host.admission.pause(error, question.ip);
      logRefusal(
        this.#host.log,
        newConnectionId(),
        error.code,
        `${error.message}, ip=${question.ip}`,
      );
      this.#host.refused(error.code);
      return { kind: "refused", ...refusedViewer(error, question) };
    }
  }

  /** Sessions that a gateway has seen. */
  touched(gateway: ShardLink, { sessions }: HlsTouches): void {
    const now = this.#host.now();
    const unknown: string[] = [];
    for (const [id, bytes] of sessions) {
      const session = this.#sessions.get(id);
      if (session === undefined) {
        unknown.push(id);
        continue;
      }
      session.lastMs = now;
      const { row, link } = session;
      if (row >= 0) {
        link.board.bytesOut[row] = (link.board.bytesOut[row] ?? 0) + bytes;
      }
    }
    if (unknown.length > 0) {
      gateway.post({ kind: "hls-ended", sessions: unknown, refusedMs: 0 });
    }
  }

  /** The client of a row has ended, for whatever reason: so has its session. */
  left(shard: number, row: number, reason: EndReason): void {
    const session = this.#byRow.get(placeOf(shard, row));
    if (session !== undefined) {
      this.#forget(session);
      const isInterrupted = reason === "kicked" || reason === "no longer allowed";
      // Until nothing is left of what its playlists named.
      const keptMs = KEPT_EXPIRIES * session.expiryMs;
      this.#tellEnded(session.id, isInterrupted ? INTERRUPTED_MS + keptMs : 0);
    }
  }

  /** A packager is gone, and its clients with it: viewers that go on are admitted anew. */
  died(shard: number): void {
    for (const session of [...this.#sessions.values()]) {
      if (session.link.index === shard) {
        this.#forget(session);
        this.#tellEnded(session.id, 0);
        if (session.row < 0) {
          // Those that are clients are ended as such.
          this.#host.coordinator.removePlayer(session.share);
        }
      }
    }
  }

  /** Every second: ends sessions that made no requests. */
  tick(): void {
    const now = this.#host.now();
    for (const session of [...this.#sessions.values()]) {
      if (now - session.lastMs > session.expiryMs) {
        this.#end(session);
      }
    }
    for (const [id, until] of this.#interrupted) {
      if (until < now) {
        this.#interrupted.delete(id);
      }
    }
  }

  #refuse(status: number, reason: string, description: string): HlsAnswer {
    this.#host.refused(reason);
    return { kind: "refused", status, description, location: null };
  }

  /**
   * Sends a new viewer to the origin of a mesh that has the stream; where none has, what was made of it here is served
   * for as long as it is kept. @throws RejectedError
   */
  async #lookElsewhere(request: StreamRequest): Promise<void> {
    try {
      await this.#host.admission.elsewhere(request);
    } catch (error) {
      if (!(error instanceof RejectedError) || error.redirect !== undefined) {
        throw error;
      }
    }
  }

  async #admit(question: HlsQuestion, { request, vhost }: HlsTarget): Promise<HlsAnswer> {
    const { hls } = vhost;
    const asked = SESSION_SHAPE.test(question.session) ? question.session : "";
    if (asked !== "" && this.#interrupted.has(asked)) {
      return this.#refuse(404, "interrupted", "The session was ended");
    }
    const permitted = this.#permitted(question, request, hls.hasSessions ? asked : "");
    // All viewers without sessions are one: nobody knows how many they are.
    const stream = hls.hasSessions ? permitted : { ...permitted, claim: null };
    const { key, settings } = stream;
    const known = this.#touch(hls.hasSessions ? asked : namelessId(key), key);
    if (known !== undefined) {
      return this.#admitted(known.id, key, vhost, false);
    }
    await this.#lookElsewhere(request);
    const isLive = this.#host.coordinator.find(key)?.publisher != null;
    if (!(isLive || this.#host.hasPlaylist(key) || settings.upstream !== null)) {
      return this.#refuse(404, "ERR_STREAM_NOT_FOUND", "No such stream");
    }
    if (question.isHead) {
      return this.#admitted("", key, vhost, asked === "");
    }
    // A session of another stream, or of nobody: SRS takes a viewer's own name for it.
    const isFree = asked !== "" && !this.#sessions.has(asked);
    const named = isFree ? asked : newConnectionId(secureRandom);
    const id = hls.hasSessions ? named : namelessId(key);
    // Who asks again while it is decided gets the same answer: a session is asked about once.
    const name = `${id} ${key}`;
    const decided =
      this.#deciding.get(name) ??
      this.#admitNew({ id, asked, stream, vhost, question, request }).finally(() =>
        this.#deciding.delete(name),
      );
    this.#deciding.set(name, decided);
    return decided;
  }

  /** A new viewer; where viewers have sessions its callback decides. */
  async #admitNew(viewer: NewViewer): Promise<HlsAnswer> {
    const { id, asked, stream, vhost, question, request } = viewer;
    const { admission, coordinator, links } = this.#host;
    const hooks = vhost.hls.hasSessions ? this.#host.hooks.open() : undefined;
    const verdict = admission.mayPlay(stream, request, {
      ...applicantOf(question, request),
      id,
      hooks,
    });
    if (verdict !== undefined) {
      await verdict;
    }
    const refusal = admission.seats.refusalOf(stream.claim);
    if (refusal !== undefined) {
      hooks?.close(NO_BYTES);
      throw refusal;
    }
    const link = links[coordinator.packagerOf(stream.key)];
    // While that took its time the name may have become another stream's.
    const isBegun =
      link !== undefined && !this.#sessions.has(id) && this.#begin(viewer, link, hooks) !== null;
    if (isBegun) {
      return this.#admitted(id, stream.key, vhost, id !== asked);
    }
    hooks?.close(NO_BYTES);
    return this.#refuse(
      503,
      "no_room",
      link === undefined ? "The packager starts" : "Too many viewers",
    );
  }

  /** By the rules; the token of a session counted when it began. @throws RejectedError */
  #permitted(question: HlsQuestion, request: StreamRequest, session: string): AdmittedStream {
    const { admission } = this.#host;
    const applicant = applicantOf(question, request);
    const earlier = this.#sessions.get(session);
    if (earlier !== undefined) {
      const stream = admission.play(request, { ...applicant, isKnown: true });
      if (stream.key === earlier.key) {
        return stream;
      }
    }
    return admission.play(request, applicant);
  }

  /** The session of that name, if it is of this stream; it has made a request. */
  #touch(id: string, key: string): Session | undefined {
    const session = this.#sessions.get(id);
    if (session?.key !== key) {
      return undefined;
    }
    session.lastMs = this.#host.now();
    return session;
  }

  #admitted(session: string, key: string, vhost: VhostConfig, isNew: boolean): HlsAnswer {
    const { hls } = vhost;
    return {
      kind: "admitted",
      key,
      session,
      isNew: isNew && hls.hasSessions,
      isNamed: hls.hasSessions,
      hasSegmentSessions: hls.hasSegmentSessions,
      isMasterRelative: hls.isMasterRelative,
      isForAll: session !== "" && key.startsWith(`${vhost.name}/`) && isForAll(vhost),
      waitMs: Math.min(WAIT_MS_MAX, Math.max(WAIT_MS_MIN, hls.fragmentMs * hls.aofRatio)),
    };
  }

  #begin(viewer: NewViewer, link: ShardLink, hooks: HookSession | undefined): Session | null {
    const { id, stream, vhost, question, request } = viewer;
    const { key } = stream;
    const { admission, coordinator, clients, edge, log } = this.#host;
    const { ip } = question;
    const isNamed = vhost.hls.hasSessions;
    const row = isNamed ? link.allocateRow() : -1;
    if (isNamed && row < 0) {
      return null;
    }
    const entry = coordinator.enter(key, admission.current(stream));
    coordinator.announce(entry, link.index);
    const share = coordinator.addPlayer(entry, link.index, admission.seats.take(stream.claim));
    const now = this.#host.now();
    const { windowMs, fragmentMs } = vhost.hls;
    const expiryMs = Math.max(FRAGMENTS_MIN * fragmentMs, WINDOWS_MAX * windowMs);
    const session: Session = { id, key, link, share, row, expiryMs, lastMs: now };
    this.#sessions.set(id, session);
    if (isNamed) {
      this.#byRow.set(placeOf(link.index, row), session);
      link.board.clear(row);
      this.#serial += 1;
      beginSessionRow(link.board, row, this.#serial, share.play);
      clients.add({
        ...{ id, ip, path: "", type: "hls-play", shard: link.index, row, request, since: now },
        hooks,
        published: NO_STREAMS,
        plays: [share],
      });
      const { app, stream } = request;
      log.info(id, `hls-play, vhost=${vhost.name}, app=${app}, stream=${stream}, ip=${ip}`);
    }
    edge.wanted(entry, { id, request, path: "", isHttp: true });
    return session;
  }

  #end(session: Session): void {
    const { row, link, share } = session;
    if (row < 0) {
      this.#forget(session);
      this.#host.coordinator.removePlayer(share);
    } else if (endSessionRow(link.board, row, link.board.inode[row] ?? -1)) {
      this.#host.ended(link, row, "closed by peer");
    }
    // Else its packager has just ended it: that news is on its way.
  }

  #forget({ id, link, row }: Session): void {
    this.#sessions.delete(id);
    this.#byRow.delete(placeOf(link.index, row));
  }

  /** @param refusedMs 0: it may begin again. */
  #tellEnded(id: string, refusedMs: number): void {
    if (refusedMs > 0 && this.#interrupted.size < INTERRUPTED_MAX) {
      this.#interrupted.set(id, this.#host.now() + refusedMs);
    }
    postToGateways(this.#host.links, { kind: "hls-ended", sessions: [id], refusedMs });
  }
}

/** Nothing that is asked before a playlist is given looks at who wants it. */
function isForAll(vhost: VhostConfig): boolean {
  return !(vhost.hls.hasSessions || isAsked(vhost));
}

function placeOf(shard: number, row: number): string {
  return `${shard}/${row}`;
}

/** No viewer can say this. */
function namelessId(key: string): string {
  return `/${key}`;
}
