/**
 * The lobby plays its part to itself before anybody is there. Code that has hardly run is several times slower, and a
 * storm of players right after the start would meet it: a server that comes back is met by everyone who lost it.
 *
 * Everything is the real thing, from the socket to the hand-off, but for the shard that the connections are handed to
 * and the configuration: nobody is called back, nothing is logged, no name of the real directory is taken.
 */
import { decodeConfig } from "../../protocol/conf/config.ts";
import { Board, boardBytes } from "../../protocol/control/board.ts";
import { TransportError } from "../../protocol/errors.ts";
import { ClientSession, type ClientSessionSink } from "../../protocol/rtmp/client-session.ts";
import { ServerSession, type ServerSessionSink } from "../../protocol/rtmp/server-session.ts";
import { Clients } from "../coordinator/clients.ts";
import { Coordinator } from "../coordinator/coordinator.ts";
import { Edge } from "../coordinator/edge.ts";
import { RingPool } from "../coordinator/ring-pool.ts";
import { LineLog } from "../log/logger.ts";
import { after, monotonicMs } from "../monotonic.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import { Tokens } from "../tokens/tokens.ts";
import { Admission } from "./admission.ts";
import { FileBudget } from "./file-budget.ts";
import { handshakeHost } from "./handshake-host.ts";
import { Lobby } from "./lobby.ts";
import { closeDescriptor, openPair, sendNow } from "./native.ts";
import { Poller } from "./poller.ts";

/** Players that talk at the same time before there is anybody; their descriptors are open meanwhile. */
const TROUPE = 32;
/** And between turns of those who are there. */
const TROUPE_BETWEEN = 16;
const BETWEEN_MS = 10;
/** From 500 players on the lobby's code is compiled for the first time; a slow host starts with less. */
const BEFORE: RehearsalLimits = { players: 512, timeMs: 250 };
/** From some thousand on it is as fast as it gets: a third of what the first ones took. */
const PLAYERS_BETWEEN = 2304;
/** An exchange of a dialogue takes a few turns at the most. */
const TURNS_MAX = 16;
const URL_PLAYED = "rtmp://127.0.0.1/live/rehearsal";

/** How long it may take. */
export interface RehearsalLimits {
  readonly players: number;
  readonly timeMs: number;
}

/** One server's rehearsal, from before it listens until its code is warm. */
export class Rehearsal {
  readonly #stage = new Stage();
  #cancel: () => void = () => undefined;
  #isClosed = false;

  /** Plays until one limit is met, or no descriptors are to be had. @returns players that were handed over. */
  play({ players, timeMs }: RehearsalLimits = BEFORE): number {
    const until = monotonicMs() + timeMs;
    let played = 0;
    while (played < players && monotonicMs() < until) {
      const more = this.#isClosed ? 0 : this.#turn(TROUPE);
      if (more === 0) {
        break;
      }
      played += more;
    }
    return played;
  }

  /**
   * Goes on in short turns while `isFree`, and ends by itself.
   * @param done Told once, with the players that were handed over.
   */
  goOn(
    isFree: () => boolean,
    players: number = PLAYERS_BETWEEN,
    done: (played: number) => void = () => undefined,
  ): void {
    let played = 0;
    const turn = (): void => {
      const mayPlay = isFree();
      const more = mayPlay ? this.#turn(TROUPE_BETWEEN) : 0;
      played += more;
      if (played >= players || (mayPlay && more === 0)) {
        this.close();
        done(played);
      } else {
        this.#cancel = after(BETWEEN_MS, turn);
      }
    };
    this.#cancel = after(BETWEEN_MS, turn);
  }

  close(): void {
    this.#cancel();
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#stage.close();
    }
  }

  /** @returns 0 when no descriptors are to be had. */
  #turn(players: number): number {
    try {
      return this.#stage.play(players);
    } catch (error) {
      if (error instanceof TransportError) {
        return 0;
      }
      throw error;
    }
  }
}

/** A lobby with surroundings of its own. */
class Stage {
  readonly #poller = new Poller();
  readonly #clients = new Clients();
  readonly #board = new Board(new SharedArrayBuffer(boardBytes(TROUPE + 1)));
  readonly #coordinator: Coordinator;
  readonly #lobby: Lobby;
  readonly #exchanges: readonly Uint8Array[] = recordDialogue();
  #nextRow = 0;

  constructor() {
    const text = "listen 1935; vhost __defaultVhost__ { }";
    const { config } = decodeConfig(text, "rehearsal", { include: () => "", environment: {} });
    // Of a shard the way out of the lobby needs this much; it closes what it is given.
    const shard = {
      index: 0,
      isAlive: true,
      isShard: true,
      board: this.#board,
      allocateRow: () => this.#nextRow++,
      releaseRow: () => undefined,
      post: () => undefined,
    };
    const shards = [shard as unknown as ShardLink];
    this.#coordinator = new Coordinator(new RingPool(0), shards, () => TROUPE);
    const log = new LineLog({ ...config.log, level: "error" });
    const coordinator = this.#coordinator;
    const edge = new Edge({
      config: () => config,
      coordinator,
      shards,
      log,
      serverId: "",
      version: "",
      pid: process.pid,
      now: monotonicMs,
      random: Math.random,
      after: () => () => undefined,
    });
    const nothing = (): undefined => undefined;
    const forwards = { ask: nothing, admitted: nothing, publishes: nothing };
    this.#lobby = new Lobby({
      config: () => config,
      admission: new Admission({
        config: () => config,
        coordinator,
        edge,
        forwards,
        shards,
        tokens: new Tokens(),
        log,
        isShortOfMemory: () => false,
      }),
      hooks: { open: () => undefined },
      coordinator,
      edge,
      forwards,
      clients: this.#clients,
      shards,
      log,
      serverInfo: { ip: "", pid: process.pid, version: "" },
      files: new FileBudget({ max: () => Number.MAX_SAFE_INTEGER, open: () => 0 }),
      poller: this.#poller,
      crowded: () => undefined,
    });
  }

  /** A troupe of at most {@link TROUPE} from accept to hand-off. @returns how many were handed over. */
  play(players: number): number {
    const peers: number[] = [];
    this.#nextRow = 0;
    try {
      for (let count = 0; count < players; count += 1) {
        const [peer, descriptor] = openPair();
        peers.push(peer);
        this.#lobby.accept({ descriptor, ip: "127.0.0.1" });
      }
      for (const bytes of this.#exchanges) {
        for (const peer of peers) {
          sendNow(peer, bytes, bytes.length);
        }
        for (let turn = 0; turn < TURNS_MAX && this.#poller.poll() > 0; turn += 1) {
          // Until nobody has anything more to do.
        }
      }
    } finally {
      peers.forEach(closeDescriptor);
    }
    return this.#leave();
  }

  close(): void {
    this.#lobby.close();
    this.#poller.close();
  }

  #leave(): number {
    const clients = this.#clients.takeShard(0);
    for (const { row, plays } of clients) {
      closeDescriptor(this.#board.descriptor[row] ?? -1);
      for (const share of plays.values()) {
        this.#coordinator.removePlayer(share);
      }
    }
    return clients.length;
  }
}

/** What a player says, cut where it waits for an answer. */
function recordDialogue(): Uint8Array[] {
  const exchanges: Uint8Array[] = [];
  const said: Uint8Array[] = [];
  const heard: Uint8Array[] = [];
  const server = new ServerSession(handshakeHost, {});
  const serverSink: ServerSessionSink = {
    write: (bytes) => heard.push(bytes.slice()),
    connect: () => server.acceptConnect(serverSink),
    publish: () => undefined,
    play: () => undefined,
    media: () => undefined,
    closeStream: () => undefined,
    pause: () => undefined,
    receive: () => undefined,
  };
  const client = new ClientSession(handshakeHost, { url: URL_PLAYED, mode: "play" });
  const clientSink: ClientSessionSink = {
    write: (bytes) => said.push(bytes.slice()),
    ready: () => undefined,
    media: () => undefined,
    status: () => undefined,
    closed: () => undefined,
  };
  client.start(clientSink);
  while (said.length > 0) {
    const bytes = Buffer.concat(said.splice(0));
    exchanges.push(new Uint8Array(bytes));
    server.push(exchanges.at(-1) ?? bytes, serverSink);
    for (const reply of heard.splice(0)) {
      client.push(reply, clientSink);
    }
  }
  return exchanges;
}
