/** One shard as the primary sees it: its thread, its board, its rows and the calls to it. */
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import * as Comlink from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import { Board, boardBytes, EPOLL_ROW, RowState } from "../../protocol/control/board.ts";
import {
  type CertificateNews,
  type EndReason,
  type Fault,
  type FromShard,
  type GatewayStart,
  type HttpListen,
  isRelay,
  type PrimaryCalls,
  type ShardCalls,
  type ShardNews,
  type ShardStart,
  type StaticNews,
  type ToShard,
} from "../../protocol/control/calls.ts";
import type { HlsEnded, HlsLeft, HlsNews, HlsTold } from "../../protocol/control/hls.ts";
import type { HlsGuards } from "../../protocol/control/hls-guards.ts";
import { ControlError } from "../../protocol/errors.ts";
import type { ChunkDecoderSnapshot } from "../../protocol/rtmp/chunk-decoder.ts";
import type { ServerSessionSnapshot } from "../../protocol/rtmp/server-session.ts";
import { closeDescriptor, duplicate, inodeOf, isNative } from "../accept/native.ts";
import { Relay, type RelaySocket } from "./relay.ts";

const SHARD_URL = new URL("../../worker/shard.js", import.meta.url);
const GATEWAY_URL = new URL("../../worker/gateway.js", import.meta.url);
const PACKAGER_URL = new URL("../../worker/packager.js", import.meta.url);
const CALL_TIMEOUT_MS = 5000;
const HEAP_YOUNG_MB = 16;

type Message =
  | ToShard<ServerSessionSnapshot, ChunkDecoderSnapshot>
  | CertificateNews
  | StaticNews
  | HlsNews
  | HlsEnded
  | HlsGuards
  | HlsLeft
  | HlsTold;

/** What a shard is started with, for its whole life and its successors'. */
export interface ShardPlace {
  readonly index: number;
  readonly rows: number;
  readonly doorbells: SharedArrayBuffer;
  /** **Shared**: the version of the configuration in force. */
  readonly version: SharedArrayBuffer;
  /** **Shared**: the TLS thread's board. */
  readonly tlsBoard: SharedArrayBuffer;
  readonly threads: number;
  readonly allowFaults: boolean;
  /** Rings and rows are outside the heap; this is for sessions and tables. */
  readonly heapMb: number;
  /** What the thread serves by HTTP; null: it is no gateway. */
  readonly gateway: GatewayPlace | null;
  readonly role: LinkRole;
  /** Memory for all that a packager makes. */
  readonly hlsBytesMax: number;
}

/** What a thread does: a shard serves RTMP, a gateway HTTP, a packager makes HLS. */
export type LinkRole = "shard" | "gateway" | "packager";

const ENTRIES: Readonly<Record<LinkRole, URL>> = {
  shard: SHARD_URL,
  gateway: GATEWAY_URL,
  packager: PACKAGER_URL,
};

/** Of logs and metrics. */
export function nameOf({ role, index }: Pick<ShardPlace, "role" | "index">): string {
  return `${role}-${index}`;
}

/** What a gateway is started with besides. */
export type GatewayPlace = Pick<
  GatewayStart,
  "backend" | "listen" | "connectionsMax" | "crossdomain" | "mounts"
>;

/** A thread's sockets are closed when it ends: it gets a duplicate, and those who connect meanwhile wait. */
function ofItsOwn(listen: HttpListen): HttpListen {
  const { descriptor } = listen;
  return { ...listen, descriptor: descriptor === null ? null : duplicate(descriptor) };
}

/** What a shard tells. */
export interface ShardEvents {
  message(link: ShardLink, message: ShardNews): void;
  exit(link: ShardLink, code: number, error: Error | undefined): void;
  calls(link: ShardLink): PrimaryCalls;
}

/** A running shard thread; a replacement is a new link on the same board. */
export class ShardLink {
  readonly index: number;
  /** Of the logs. */
  readonly name: string;
  readonly role: LinkRole;
  /** False: it is given no publishers nor descriptors. */
  readonly isShard: boolean;
  /** False: its end would be the process's. */
  readonly mayTerminate: boolean;
  readonly board: Board;
  isAlive = true;
  readonly #worker: Worker;
  readonly #calls: MessagePort;
  readonly #shard: Comlink.Remote<ShardCalls>;
  /** Rows that came back, newest last, and the first that was never used. */
  readonly #freeRows: number[] = [];
  #nextRow: number = EPOLL_ROW + 1;
  readonly #pending = new Set<(error: Error) => void>();
  /** Connections of the shard that could not be handed over. */
  readonly #relay = new Relay((message) => this.post(message));
  /** Of this turn of the loop: each posting wakes the thread and costs the primary more than what it carries. */
  readonly #outbox: Message[] = [];

  constructor(place: ShardPlace, memory: SharedArrayBuffer, events: ShardEvents) {
    const { gateway } = place;
    this.index = place.index;
    this.role = place.role;
    this.isShard = place.role === "shard";
    this.mayTerminate = gateway?.backend !== "uws";
    this.name = nameOf(place);
    this.board = new Board(memory);
    const { port1, port2 } = new MessageChannel();
    const start: ShardStart = {
      index: place.index,
      thread: place.index,
      threads: place.threads,
      board: memory,
      doorbells: place.doorbells,
      version: place.version,
      allowFaults: place.allowFaults,
      hlsBytesMax: place.hlsBytesMax,
      isRelayed: !isNative,
      tlsBoard: place.tlsBoard,
      ...(gateway === null ? {} : { ...gateway, listen: gateway.listen.map(ofItsOwn) }),
    };
    this.#calls = port1;
    this.#worker = new Worker(ENTRIES[place.role], {
      name: this.name,
      workerData: { start, calls: port2 },
      transferList: [port2],
      resourceLimits: {
        maxOldGenerationSizeMb: place.heapMb,
        maxYoungGenerationSizeMb: HEAP_YOUNG_MB,
      },
    });
    let failure: Error | undefined;
    this.#worker.on("message", (message: FromShard) => this.#heard(message, events));
    this.#worker.on("error", (error) => {
      failure = error instanceof Error ? error : new Error(String(error));
    });
    this.#worker.on("exit", (code) => {
      this.#exited();
      events.exit(this, code, failure);
    });
    const endpoint = nodeEndpoint(port1);
    Comlink.expose(events.calls(this), endpoint);
    this.#shard = Comlink.wrap<ShardCalls>(endpoint);
  }

  /** Memory for the board of a shard with this many rows. */
  static boardMemory(rows: number): SharedArrayBuffer {
    return new SharedArrayBuffer(boardBytes(rows + 1));
  }

  /** A FREE row, or -1. */
  allocateRow(): number {
    const known = this.#freeRows.pop();
    if (known !== undefined) {
      return known;
    }
    if (this.#nextRow >= this.board.rows) {
      return -1;
    }
    this.#nextRow += 1;
    return this.#nextRow - 1;
  }

  /** The shard says that the row is FREE. */
  releaseRow(row: number): void {
    this.#freeRows.push(row);
  }

  /** Sends a message, with all others of this turn of the loop and in order. */
  post(message: Message): void {
    if (this.#outbox.push(message) === 1) {
      setImmediate(() => this.#send());
    }
  }

  /** Keeps the socket of a row that was just given: the shard has no descriptor of it. */
  relay(row: number, socket: RelaySocket, late: readonly Uint8Array[]): void {
    this.#relay.adopt(row, socket, late);
  }

  /** Ends the session that a row has now; false when it ended meanwhile. @throws ControlError */
  kick(row: number, reason: EndReason): Promise<boolean> {
    const inode = this.board.inode[row] ?? -1;
    return this.#within(this.#shard.kick(row, inode, reason), "kick");
  }

  /** Injects a fault. @throws ControlError */
  fault(fault: Fault): Promise<void> {
    return this.#within(this.#shard.fault(fault), "fault");
  }

  /** Ends the thread at once; its `exit` comes first. Not for threads that may not be terminated. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  /**
   * After the thread's exit, never before: closes what raw descriptors it still owned. A number that shows another
   * inode than the recorded one belongs to a stranger.
   * @returns descriptors closed.
   */
  sweep(): number {
    const { board } = this;
    let closed = 0;
    for (let row = 0; row < this.#nextRow; row += 1) {
      if (Atomics.load(board.state, row) === RowState.Free) {
        continue;
      }
      const descriptor = board.descriptor[row] ?? -1;
      const isOurs = row === EPOLL_ROW || inodeOf(descriptor) === board.inode[row];
      if (descriptor >= 0 && isOurs) {
        closeDescriptor(descriptor);
        closed += 1;
      }
      board.descriptor[row] = -1;
      Atomics.store(board.state, row, RowState.Free);
    }
    return closed;
  }

  #send(): void {
    const messages = this.#outbox.splice(0);
    if (this.isAlive) {
      this.#worker.postMessage(messages);
    }
  }

  #heard(message: FromShard, events: ShardEvents): void {
    if (isRelay(message)) {
      this.#relay.take(message);
    } else {
      events.message(this, message);
    }
  }

  #exited(): void {
    this.isAlive = false;
    this.#relay.close();
    this.#calls.close();
    for (const reject of this.#pending) {
      reject(new ControlError("ERR_CONTROL_SHARD_DIED", `shard ${this.index} died`));
    }
    this.#pending.clear();
  }

  #within<T>(promise: Promise<T>, call: string): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const text = `shard ${this.index}: ${call}: no answer in ${CALL_TIMEOUT_MS} ms`;
      const timer = setTimeout(
        () => reject(new ControlError("ERR_CONTROL_TIMEOUT", text)),
        CALL_TIMEOUT_MS,
      );
      this.#pending.add(reject);
      promise.then(resolve, reject).finally(() => {
        clearTimeout(timer);
        this.#pending.delete(reject);
      });
    });
  }
}
