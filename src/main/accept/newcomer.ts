/** One connection in the lobby: its session machine, its deadlines, its answers, its way out. */

import { joinBytes } from "../../protocol/bytes/join-bytes.ts";
import { ProtocolError, RejectedError } from "../../protocol/errors.ts";
import {
  type ConnectRequest,
  type PlayOptions,
  type PublishStyle,
  ServerSession,
  type ServerSessionSink,
  type StreamRequest,
} from "../../protocol/rtmp/server-session.ts";
import type { StreamEntry } from "../coordinator/coordinator.ts";
import type { HookSession } from "../hooks/hook-session.ts";
import type { Connection } from "./acceptor.ts";
import type { AdmittedStream, Applicant } from "./admission.ts";
import { connectVerdict } from "./connect-verdict.ts";
import type { FairClock } from "./fair-clock.ts";
import type { Arrival } from "./hand-off.ts";
import { handshakeHost } from "./handshake-host.ts";
import type { LobbyHost } from "./lobby-host.ts";
import { LobbySocket, type LobbySocketSink } from "./lobby-socket.ts";
import { Patience } from "./patience.ts";
import { Placed, placePlayer, placePublisher } from "./placing.ts";
import { describeError, logRefusal } from "./refusals.ts";

/** A refused client has this long to read why. */
const FAREWELL_MS = 1000;
const NOTHING = new Uint8Array(0);

/** Who keeps the newcomers. */
export interface NewcomerKeeper {
  readonly clock: FairClock;
  /** The handshake is done. */
  shookHands(newcomer: Newcomer): void;
  /** Somebody decides about the connection (true): it is not unidentified meanwhile. */
  waits(newcomer: Newcomer, isWaiting: boolean): void;
  /** Turned away; counted by reason. It may stay for a moment to read why. */
  refused(newcomer: Newcomer, reason: string): void;
  /** Nothing of it is left in the lobby. */
  left(newcomer: Newcomer): void;
}

/** What a newcomer is opened with. */
export interface NewcomerOptions {
  readonly id: string;
  readonly host: LobbyHost;
  readonly keeper: NewcomerKeeper;
  /** The server is full: the client is let in as far as it takes to tell it so. */
  readonly isSurplus: boolean;
}

/** Open: it talks; leaving: it was refused and reads why; gone: closed or handed over. */
type State = "open" | "leaving" | "gone";
type Asked = Pick<Arrival, "messageStream" | "request" | "durationMs">;

/** A connection that has not said what it wants. */
export class Newcomer implements ServerSessionSink, LobbySocketSink {
  readonly id: string;
  /** By the keeper's clock. */
  readonly since: number;
  readonly isSurplus: boolean;
  readonly #host: LobbyHost;
  readonly #keeper: NewcomerKeeper;
  readonly #socket: LobbySocket;
  readonly #session: ServerSession;
  /** **Owned**: bytes read and not consumed; at most one read of the socket. */
  #rest: Uint8Array = NOTHING;
  readonly #patience: Patience;
  #state: State = "open";
  /** Callbacks about it; undefined where there are none. */
  #hooks: HookSession | undefined;
  /** Servers that the request has passed. */
  #path = "";
  /** What comes after the session has returned. */
  #next: (() => void) | undefined;

  constructor(connection: Connection, options: NewcomerOptions) {
    const { id, host, keeper, isSurplus } = options;
    this.id = id;
    this.isSurplus = isSurplus;
    this.#host = host;
    this.#keeper = keeper;
    this.since = keeper.clock.now();
    this.#patience = new Patience(this.since + host.config().limits.handshakeTimeoutMs);
    this.#socket = new LobbySocket(connection, host.poller, this);
    const serverInfo = { ...host.serverInfo, ip: this.#socket.localIp, id };
    this.#session = new ServerSession(handshakeHost, { serverInfo, offerReconnect: true });
  }

  get ip(): string {
    return this.#socket.ip;
  }

  /** Closes a connection that took too long. @param now By the keeper's clock. */
  checkDeadline(now: number): void {
    if (!this.#patience.isOver(now)) {
      return;
    }
    if (this.#state === "leaving") {
      this.#socket.destroy();
      return;
    }
    const { phase } = this.#session;
    const missing = phase === "handshake" ? "handshake" : "command";
    this.drop(`timeout_${phase}`, `no ${missing} in time`);
  }

  /** Closes at once. */
  drop(reason: string, text: string): void {
    if (this.#state === "open") {
      this.#host.log.info(this.id, `closed: ${text}, ip=${this.ip}`);
      this.#turnAway(reason);
    }
    this.#socket.destroy();
  }

  // --- LobbySocketSink ---

  read(bytes: Uint8Array): void {
    if (this.#state !== "open") {
      return;
    }
    const input = this.#rest.length === 0 ? bytes : joinBytes([this.#rest, bytes]);
    this.#rest = NOTHING;
    try {
      this.#push(input);
    } catch (error) {
      this.#failed(error);
    }
    this.#socket.flush();
    const next = this.#next;
    this.#next = undefined;
    next?.();
  }

  closed(): void {
    this.#hooks?.close(this.#socket.bytes);
    this.#turnAway("");
    this.#leave();
  }

  overrun(): void {
    this.drop("backlog", "reads no replies");
  }

  // --- ServerSessionSink ---

  write(bytes: Uint8Array): void {
    if (this.#state === "open") {
      this.#socket.write(bytes);
    }
  }

  connect(request: ConnectRequest): void {
    try {
      if (this.isSurplus) {
        const status = "NetConnection.Connect.Rejected";
        throw new RejectedError("max_connections", status, "The server is full.");
      }
      const vhost = this.#host.admission.connect(request.vhost, request.pageUrl);
      this.#path = this.#host.edge.passage(request.edge, this.id);
      this.#session.configure({
        chunkSizeOut: vhost.chunkSize,
        windowAckSizeOut: vhost.outAckSize,
        inAckSize: vhost.inAckSize,
      });
      const { handshakeTimeoutMs: answerMs, identifyTimeoutMs } = this.#host.config().limits;
      this.#patience.set(this.since + identifyTimeoutMs);
      this.#hooks = this.#host.hooks.open();
      const { id, ip } = this;
      const verdict = connectVerdict({ id, ip, request, vhost, hooks: this.#hooks, answerMs });
      if (verdict === undefined) {
        this.#session.acceptConnect(this);
      } else {
        this.#connectLater(verdict);
      }
    } catch (error) {
      this.#rejectConnect(error);
    }
  }

  publish(messageStream: number, request: StreamRequest, style: PublishStyle): void {
    this.#waits(true);
    this.#host.admission.publish(request, this.#applicant(request)).then(
      (entry) => {
        this.#whenFlushed(() =>
          this.#startPublish({ messageStream, request, durationMs: 0 }, entry, style),
        );
      },
      (error: unknown) => this.#rejectPublish(messageStream, error),
    );
  }

  play(messageStream: number, request: StreamRequest, { durationMs }: PlayOptions): void {
    this.#waits(true);
    try {
      const { admission } = this.#host;
      const applicant = this.#applicant(request);
      const stream = admission.play(request, applicant);
      const start = (): void =>
        this.#whenFlushed(() => this.#startPlay({ messageStream, request, durationMs }, stream));
      const verdict = admission.elsewhere(request) ?? admission.mayPlay(stream, request, applicant);
      if (verdict === undefined) {
        this.#next = start;
      } else {
        verdict.then(start, (error: unknown) => this.#rejectPlay(messageStream, error));
      }
    } catch (error) {
      this.#rejectPlay(messageStream, error);
    }
  }

  media(): void {
    // Nothing is published here: the session counts what arrives too early.
  }

  closeStream(): void {
    // Nothing is open here.
  }

  pause(): void {
    // As for closeStream.
  }

  receive(): void {
    // As for closeStream.
  }

  // --- inside ---

  #push(input: Uint8Array): void {
    const isNew = this.#session.phase === "handshake";
    const consumed = this.#session.push(input, this);
    this.#rest = consumed < input.length ? input.slice(consumed) : NOTHING;
    if (isNew && this.#session.phase !== "handshake") {
      this.#keeper.shookHands(this);
      if (this.#session.phase === "connect") {
        this.#patience.set(this.since + this.#host.config().limits.connectTimeoutMs);
      }
    }
    if (this.#session.isWaiting) {
      // What is decided at once is handed over at once, and needs no watch.
      this.#socket.pause(this.#next === undefined);
    }
  }

  /** Nothing that a client sends may harm more than its own connection. */
  #failed(error: unknown): void {
    if (error instanceof RejectedError) {
      // The session has written the refusal.
      this.#farewell(error.code, `${error.message} (${error.status})`);
    } else if (error instanceof ProtocolError) {
      this.drop(error.code, describeError(error));
    } else {
      this.#host.log.error(this.id, `dialogue failed: ${describeError(error)}`, "ERR_LOBBY");
      this.drop("internal", "internal error");
    }
  }

  #startPublish(asked: Asked, entry: StreamEntry, style: PublishStyle): void {
    if (this.#state !== "open") {
      this.#host.admission.abandon(entry);
      return;
    }
    const placed = placePublisher(this.#host, this.#arrival(asked), entry, style);
    this.#conclude(placed, (error) => this.#rejectPublish(asked.messageStream, error));
  }

  #startPlay(asked: Asked, stream: AdmittedStream): void {
    if (this.#state !== "open") {
      return;
    }
    const placed = placePlayer(this.#host, this.#arrival(asked), stream);
    this.#conclude(placed, (error) => this.#rejectPlay(asked.messageStream, error));
  }

  #applicant({ pageUrl, tcUrl, param }: StreamRequest): Applicant {
    return { id: this.id, ip: this.ip, pageUrl, tcUrl, param, hooks: this.#hooks };
  }

  #arrival({ messageStream, request, durationMs }: Asked): Arrival {
    const { id, ip } = this;
    const [socket, session, rest] = [this.#socket, this.#session, this.#rest];
    const [path, hooks, sink] = [this.#path, this.#hooks, this];
    return { id, ip, socket, session, sink, rest, path, hooks, messageStream, request, durationMs };
  }

  #conclude(placed: Placed, refuse: (error: RejectedError) => void): void {
    if (placed === Placed.Given) {
      this.#state = "gone";
      this.#leave();
    } else if (placed instanceof RejectedError) {
      refuse(placed);
    } else {
      this.#socket.destroy();
    }
  }

  /**
   * Runs `next` when the client has been sent everything. Meanwhile the lobby's last deadline runs: the client has to
   * read. It runs too when the connection is gone.
   */
  #whenFlushed(next: () => void): void {
    let isDone = false;
    this.#socket.whenFlushed(() => {
      isDone = true;
      this.#waits(true);
      next();
    });
    if (!isDone) {
      this.#waits(false);
    }
  }

  /** Somebody else judges the client's connect; the client waits meanwhile. */
  #connectLater(verdict: Promise<void>): void {
    this.#waits(true);
    verdict.then(
      () => {
        if (this.#state === "open") {
          this.#waits(false);
          this.#session.acceptConnect(this);
          this.#resume();
        }
      },
      (error: unknown) => this.#rejectConnect(error),
    );
  }

  /** Reads on after an answer that came later than the bytes behind the question. */
  #resume(): void {
    const rest = this.#rest;
    this.#rest = NOTHING;
    this.#socket.flush();
    this.#socket.resume();
    if (rest.length > 0) {
      this.read(rest);
    }
  }

  #rejectConnect(error: unknown): void {
    this.#reject(error, (code, text) => this.#session.rejectConnect(code, text, this));
  }

  #rejectPublish(stream: number, error: unknown): void {
    this.#reject(error, (code, text) => this.#session.rejectPublish(stream, code, text, this));
  }

  #rejectPlay(stream: number, error: unknown): void {
    const to = error instanceof RejectedError ? error.redirect : undefined;
    this.#reject(error, (code, text) => this.#session.rejectPlay(stream, code, text, this, to));
  }

  #reject(error: unknown, answer: (code: string, description: string) => void): void {
    if (this.#state !== "open") {
      return;
    }
    if (!(error instanceof RejectedError)) {
      this.#failed(error);
      return;
    }
    this.#host.admission.refuse(error, this.ip, () => {
      if (this.#state === "open") {
        answer(error.status, error.message);
        this.#farewell(error.code, `${error.message} (${error.status})`);
      }
    });
  }

  /** Closes after what was written; the client has a moment to read it. */
  #farewell(reason: string, text: string): void {
    logRefusal(this.#host.log, this.id, reason, `${text}, ip=${this.ip}`);
    this.#turnAway(reason);
    this.#patience.set(this.#keeper.clock.now() + FAREWELL_MS);
    this.#socket.farewell();
  }

  #turnAway(reason: string): void {
    if (this.#state === "open") {
      this.#waits(false);
      this.#state = "leaving";
      if (reason !== "") {
        this.#keeper.refused(this, reason);
      }
    }
  }

  #leave(): void {
    this.#waits(false);
    this.#state = "gone";
    this.#keeper.left(this);
  }

  #waits(isWaiting: boolean): void {
    const isAllowed = this.#state === "open" || !isWaiting;
    if (isAllowed && this.#patience.wait(isWaiting, this.#keeper.clock.now())) {
      this.#keeper.waits(this, isWaiting);
    }
  }
}
