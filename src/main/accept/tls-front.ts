/**
 * RTMPS in the primary: its listening sockets, and the thread that does the encryption. A client that is accepted gets a
 * pair of sockets: the thread has its socket and one end, the lobby gets the other end with the client's address, and
 * from there on nobody sees a difference. So deadlines, limits and rules count from accept, TLS handshake included.
 */
import { Worker } from "node:worker_threads";
import type { Config, ListenEndpoint } from "../../protocol/conf/config.ts";
import { RowState } from "../../protocol/control/board.ts";
import {
  type FromTls,
  TLS_DESCRIPTORS,
  TLS_ROW_FIRST,
  TlsBoard,
  type TlsStart,
  type ToTls,
  tlsBoardBytes,
} from "../../protocol/control/tls-board.ts";
import { InvariantError } from "../../protocol/errors.ts";
import type { Prepared, ReloadPart } from "../config/parts.ts";
import type { Logger } from "../log/logger.ts";
import { monotonicMs } from "../monotonic.ts";
import { Acceptor, type Connection } from "./acceptor.ts";
import { loadTlsMaterial, type TlsMaterial, tellCertificate } from "./certificates.ts";
import { addressOf } from "./listening.ts";
import { closeDescriptor, inodeOf, isNative, localAddress, openPair } from "./native.ts";
import type { Poller } from "./poller.ts";

const THREAD_URL = new URL("../../worker/tls-front.js", import.meta.url);
/** Between the thread and the owner of the other end, each way. */
const PAIR_BYTES_MAX = 64 * 1024;
const WATCH_MS = 500;
/** A connection takes some 50 KB of it and more outside. */
const HEAP = { maxOldGenerationSizeMb: 1024, maxYoungGenerationSizeMb: 32 };
/**
 * Handshakes that are in progress together: in a storm more would only make each other late. One that takes long is
 * its client's affair and keeps nobody waiting.
 */
const HANDSHAKES_MAX = 128;
const HANDSHAKE_LONG_MS = 1000;
const HANDSHAKE_LOOK_MS = 50;
/** A thread that dies again soon is started again after this. */
const RESTART_MS = 1000;
const NOTHING: Prepared = { commit: () => undefined, abort: () => undefined };

/** What the front works with. */
export interface TlsFrontOptions {
  /** Connections at most. */
  readonly rows: number;
  readonly poller: Poller;
  readonly log: Logger;
  readonly allowFaults: boolean;
  /** A thread silent this long is terminated. */
  readonly hangKillMs: number;
  /** Takes the pair's other end. */
  accepted(connection: Connection): void;
}

/** Accepts RTMPS. */
export class TlsFront implements ReloadPart {
  /** **Shared** with the thread, and with the shards, which mark what they reset. */
  readonly memory: SharedArrayBuffer;
  readonly #options: TlsFrontOptions;
  readonly #board: TlsBoard;
  readonly #acceptor: Acceptor;
  readonly #freeRows: number[] = [];
  /** Addresses of the clients, by row. */
  readonly #ips = new Map<number, string>();
  /** When each row's handshake began, oldest first; without those that take long. */
  readonly #handshakes = new Map<number, number>();
  #look: NodeJS.Timeout | undefined;
  #nextRow = TLS_ROW_FIRST;
  #material: TlsMaterial | undefined;
  #stallMs = 0;
  #worker: Worker | undefined;
  #startedAt = 0;
  #restart: NodeJS.Timeout | undefined;
  #watch: NodeJS.Timeout | undefined;
  #judgedAt = 0;
  #exited: Promise<void> = Promise.resolve();
  #isStopping = false;
  #isCrowded = false;

  constructor(options: TlsFrontOptions) {
    this.#options = options;
    this.memory = new SharedArrayBuffer(tlsBoardBytes(options.rows));
    this.#board = new TlsBoard(this.memory);
    this.#acceptor = new Acceptor(
      options.poller,
      (connection) => this.#accept(connection),
      (error) => options.log.error("accept", error.message),
    );
  }

  /** Listens where the configuration says, once its certificate is found good. @throws ConfigError, TransportError */
  start(config: Config): void {
    this.prepare(config).commit();
  }

  /** Reads the certificate and opens new addresses; a server that has none and needs none does nothing. */
  prepare({ rtmps, limits }: Pick<Config, "rtmps" | "limits">): Prepared {
    const { log } = this.#options;
    if (rtmps.enabled && !isNative) {
      log.error(
        "tls",
        "rtmps needs koffi, which does not load here: it is not served",
        "ERR_RTMPS",
      );
      return NOTHING;
    }
    const material = rtmps.enabled ? loadTlsMaterial(rtmps) : undefined;
    const listen = rtmps.enabled ? rtmps.listen : [];
    const addresses = this.#acceptor.prepare({ listen });
    const commit = (): void => {
      if (material !== undefined) {
        this.#stallMs = limits.playerStallMs;
        this.#serve(material);
      }
      addresses.commit();
      this.#tellAddresses(listen);
    };
    return { commit, abort: addresses.abort };
  }

  /** The lobby is full: newcomers wait in the kernel's queue, or no longer. */
  crowded(isCrowded: boolean): void {
    this.#isCrowded = isCrowded;
    this.#listenOrWait();
  }

  /** Lets nobody in any more. */
  close(): void {
    this.#acceptor.close();
  }

  /** Injects a fault. */
  fault(fault: Extract<ToTls, { kind: "fault" }>["fault"]): void {
    this.#post({ kind: "fault", fault });
  }

  /** Ends the thread, after it had a moment to send what is left. */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopping = true;
    this.close();
    clearTimeout(this.#restart);
    clearInterval(this.#watch);
    clearInterval(this.#look);
    const worker = this.#worker;
    if (worker !== undefined) {
      this.#post({ kind: "stop" });
      const timer = setTimeout(() => void worker.terminate(), timeoutMs);
      await this.#exited;
      clearTimeout(timer);
    }
  }

  #told = "";

  #tellAddresses(listen: readonly ListenEndpoint[]): void {
    const addresses = listen.map((endpoint) => `rtmps://${addressOf(endpoint)}`).join(", ");
    if (addresses !== this.#told) {
      this.#told = addresses;
      const text = addresses === "" ? "rtmps is no longer served" : `listening on ${addresses}`;
      this.#options.log.info("server", text);
    }
  }

  #serve(material: TlsMaterial): void {
    const isNew = material.digest !== this.#material?.digest;
    this.#material = material;
    if (isNew) {
      tellCertificate("rtmps", material, this.#options.log);
    }
    if (this.#worker === undefined && this.#restart === undefined) {
      this.#startThread(material);
    } else if (isNew) {
      const { key, certificate } = material;
      this.#post({ kind: "certificate", key, certificate });
    }
  }

  #listenOrWait(): void {
    const isBusy = this.#handshakes.size >= HANDSHAKES_MAX;
    if (this.#isCrowded || this.#worker === undefined || isBusy) {
      this.#acceptor.suspend();
    } else {
      this.#acceptor.resume();
    }
  }

  // --- connections ---

  #accept({ descriptor, ip }: Connection): void {
    const row = this.#freeRows.pop() ?? this.#nextRow;
    const pair = row < this.#board.rows ? tryPair() : undefined;
    if (pair === undefined) {
      this.#options.log.warn("tls", `no room for a connection, ip=${ip}`, "ERR_RTMPS");
      closeDescriptor(descriptor);
      return;
    }
    this.#nextRow = Math.max(this.#nextRow, row + 1);
    const [inner, other] = pair;
    const outer = inodeOf(other);
    this.#board.markReset(row, 0);
    this.#board.give(row, [descriptor, inner], [inodeOf(descriptor), inodeOf(inner)]);
    this.#post({ kind: "give", row, outer });
    this.#handshakes.set(row, monotonicMs());
    if (this.#handshakes.size >= HANDSHAKES_MAX) {
      this.#waitForHandshakes();
    }
    this.#ips.set(row, ip);
    const tls = { row, localIp: localAddress(descriptor) };
    this.#options.accepted({ descriptor: other, ip, tls });
  }

  #waitForHandshakes(): void {
    this.#listenOrWait();
    this.#look ??= setInterval(() => {
      const since = monotonicMs() - HANDSHAKE_LONG_MS;
      for (const [row, began] of this.#handshakes) {
        if (began > since) {
          break;
        }
        this.#handshakes.delete(row);
      }
      this.#listenOrWait();
    }, HANDSHAKE_LOOK_MS);
  }

  #shookHands(row: number): void {
    const wasBusy = this.#handshakes.size >= HANDSHAKES_MAX;
    this.#handshakes.delete(row);
    if (wasBusy) {
      this.#listenOrWait();
    }
  }

  // --- the thread ---

  #post(message: ToTls): void {
    this.#worker?.postMessage(message);
  }

  #startThread({ key, certificate }: TlsMaterial): void {
    const { allowFaults, log } = this.#options;
    const workerData: TlsStart = {
      board: this.memory,
      key,
      certificate,
      stallMs: this.#stallMs,
      allowFaults,
    };
    this.#board.heartbeat[0] = monotonicMs();
    this.#startedAt = monotonicMs();
    const worker = new Worker(THREAD_URL, { name: "tls", workerData, resourceLimits: HEAP });
    this.#worker = worker;
    let cause = "";
    worker.on("message", (message: FromTls) => this.#heard(message));
    worker.on("error", (error: unknown) => {
      cause = error instanceof Error ? error.message : String(error);
    });
    this.#exited = new Promise((resolve) => {
      worker.on("exit", (code) => {
        this.#worker = undefined;
        const closed = this.#sweep();
        if (!this.#isStopping) {
          const text = `died: ${cause === "" ? `code ${code}` : cause}; ${closed} descriptors closed`;
          log.error("tls", text, "ERR_TLS_DIED");
          this.#startAgain();
        }
        resolve();
      });
    });
    this.#watch ??= setInterval(() => this.#judge(), WATCH_MS);
    this.#listenOrWait();
  }

  /** At once, unless it died young. */
  #startAgain(): void {
    this.#acceptor.suspend();
    const age = monotonicMs() - this.#startedAt;
    this.#restart = setTimeout(
      () => {
        this.#restart = undefined;
        if (this.#material === undefined) {
          throw new InvariantError("a TLS thread without certificate");
        }
        this.#startThread(this.#material);
      },
      age < RESTART_MS ? RESTART_MS : 0,
    );
  }

  #heard(message: FromTls): void {
    if (message.kind !== "ready") {
      this.#shookHands(message.row);
    }
    if (message.kind === "gone") {
      if (message.failure !== null) {
        const ip = this.#ips.get(message.row) ?? "";
        this.#options.log.info("tls", `no handshake: ${message.failure}, ip=${ip}`);
      }
      this.#ips.delete(message.row);
      this.#freeRows.push(message.row);
    }
  }

  /** After the thread's exit, never before; as for a shard's rows. @returns descriptors closed. */
  #sweep(): number {
    const board = this.#board;
    let closed = 0;
    this.#freeRows.length = 0;
    this.#ips.clear();
    this.#handshakes.clear();
    for (let row = TLS_ROW_FIRST; row < this.#nextRow; row += 1) {
      const isFree = Atomics.load(board.state, row) === RowState.Free;
      for (let at = row * TLS_DESCRIPTORS; !isFree && at < (row + 1) * TLS_DESCRIPTORS; at += 1) {
        const descriptor = board.descriptor[at] ?? -1;
        if (descriptor >= 0 && inodeOf(descriptor) === board.inode[at]) {
          closeDescriptor(descriptor);
          closed += 1;
        }
      }
      Atomics.store(board.state, row, RowState.Free);
    }
    this.#nextRow = TLS_ROW_FIRST;
    return closed;
  }

  #judge(): void {
    const now = monotonicMs();
    const isLate = now - this.#judgedAt > 2 * WATCH_MS;
    this.#judgedAt = now;
    const silentMs = Math.round(now - (this.#board.heartbeat[0] ?? now));
    // Not by a time in which the whole process stood still.
    if (!isLate && silentMs > this.#options.hangKillMs && this.#worker !== undefined) {
      this.#options.log.error("tls", `hangs for ${silentMs} ms: terminated`, "ERR_TLS_DIED");
      // Its end takes a moment: it is not terminated twice.
      this.#board.heartbeat[0] = now;
      void this.#worker.terminate();
    }
  }
}

function tryPair(): [number, number] | undefined {
  try {
    return openPair(PAIR_BYTES_MAX);
  } catch {
    return undefined;
  }
}
