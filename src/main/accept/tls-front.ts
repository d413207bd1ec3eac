/**
 * RTMPS in the primary: its listening sockets, and what the thread that does the encryption is given. A client that is
 * accepted gets a pair of sockets: the thread has its socket and one end, the lobby gets the other end with the client's
 * address, and from there on nobody sees a difference. So deadlines, limits and rules count from accept, TLS handshake
 * included.
 */
import type { Config, ListenEndpoint } from "../../protocol/conf/config.ts";
import { addressOf } from "../../protocol/conf/endpoint.ts";
import {
  type FromTls,
  TLS_ROW_FIRST,
  TlsBoard,
  type ToTls,
  tlsBoardBytes,
} from "../../protocol/control/tls-board.ts";
import type { Prepared, ReloadPart } from "../config/parts.ts";
import type { Logger } from "../log/logger.ts";
import { monotonicMs } from "../monotonic.ts";
import { Acceptor, type Connection } from "./acceptor.ts";
import { loadTlsMaterial, type TlsMaterial, tellCertificate } from "./certificates.ts";
import { closeDescriptor, inodeOf, isNative, localAddress, openPair } from "./native.ts";
import type { Poller } from "./poller.ts";
import { TlsThread } from "./tls-thread.ts";

/** Between the thread and the owner of the other end, each way. */
const PAIR_BYTES_MAX = 64 * 1024;
/**
 * Handshakes that are in progress together: in a storm more would only make each other late. One that takes long is
 * its client's affair and keeps nobody waiting.
 */
const HANDSHAKES_MAX = 128;
const HANDSHAKE_LONG_MS = 1000;
const HANDSHAKE_LOOK_MS = 50;
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
  readonly #thread: TlsThread;
  readonly #freeRows: number[] = [];
  #nextRow = TLS_ROW_FIRST;
  /** Addresses of the clients, by row. */
  readonly #ips = new Map<number, string>();
  /** When each row's handshake began, oldest first; without those that take long. */
  readonly #handshakes = new Map<number, number>();
  #look: NodeJS.Timeout | undefined;
  #digest = "";
  /** Addresses as they were told in the log. */
  #told = "";
  #isCrowded = false;

  constructor(options: TlsFrontOptions) {
    const { poller, log, allowFaults, hangKillMs } = options;
    this.#options = options;
    this.memory = new SharedArrayBuffer(tlsBoardBytes(options.rows));
    this.#board = new TlsBoard(this.memory);
    this.#acceptor = new Acceptor(poller, (connection) => this.#accept(connection), log);
    this.#thread = new TlsThread({
      memory: this.memory,
      log,
      allowFaults,
      hangKillMs,
      heard: (message) => this.#heard(message),
      up: (isUp) => this.#up(isUp),
    });
  }

  /** Listens where the configuration says, once its certificate is found good. @throws ConfigError, TransportError */
  start(config: Config): void {
    this.prepare(config).commit();
  }

  /** Reads the certificate and opens new addresses; a server that has none and needs none does nothing. */
  prepare({ rtmps, limits }: Pick<Config, "rtmps" | "limits">): Prepared {
    const { log } = this.#options;
    if (rtmps.enabled && !isNative) {
      const text = "rtmps needs koffi, which does not load here: it is not served";
      log.error("tls", text, "ERR_RTMPS");
      return NOTHING;
    }
    const material = rtmps.enabled ? loadTlsMaterial(rtmps) : undefined;
    const listen = rtmps.enabled ? rtmps.listen : [];
    const addresses = this.#acceptor.prepare({ listen });
    const commit = (): void => {
      if (material !== undefined) {
        this.#serve(material, limits.playerStallMs);
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
    clearInterval(this.#look);
  }

  /** Injects a fault. */
  fault(fault: Extract<ToTls, { kind: "fault" }>["fault"]): void {
    this.#thread.post({ kind: "fault", fault });
  }

  /** Ends the thread, after it had a moment to send what is left. */
  async stop(timeoutMs: number): Promise<void> {
    this.close();
    await this.#thread.stop(timeoutMs);
  }

  #serve({ digest, key, certificate, ...material }: TlsMaterial, stallMs: number): void {
    if (digest !== this.#digest) {
      this.#digest = digest;
      tellCertificate("rtmps", material, this.#options.log);
    }
    this.#thread.serve({ key, certificate, stallMs });
  }

  #tellAddresses(listen: readonly ListenEndpoint[]): void {
    const addresses = listen.map((endpoint) => `rtmps://${addressOf(endpoint)}`).join(", ");
    if (addresses !== this.#told) {
      this.#told = addresses;
      const text = addresses === "" ? "rtmps is no longer served" : `listening on ${addresses}`;
      this.#options.log.info("server", text);
    }
  }

  // --- connections ---

  #accept({ descriptor, ip }: Connection): void {
    const row = this.#freeRows.pop() ?? this.#nextRow;
    const pair = row < this.#board.rows ? tryPair() : undefined;
    if (pair === undefined) {
      this.#options.log.warn("tls", `no room for a connection, ip=${ip}`, "ERR_RTMPS");
      closeDescriptor(descriptor);
      if (row < this.#nextRow) {
        this.#freeRows.push(row);
      }
      return;
    }
    this.#nextRow = Math.max(this.#nextRow, row + 1);
    const [inner, other] = pair;
    this.#board.markReset(row, 0);
    this.#board.give(row, [descriptor, inner], [inodeOf(descriptor), inodeOf(inner)]);
    this.#thread.post({ kind: "give", row, outer: inodeOf(other) });
    this.#ips.set(row, ip);
    this.#handshakes.set(row, monotonicMs());
    if (this.#handshakes.size >= HANDSHAKES_MAX) {
      this.#waitForHandshakes();
    }
    const tls = { row, localIp: localAddress(descriptor) };
    this.#options.accepted({ descriptor: other, ip, tls });
  }

  #listenOrWait(): void {
    const isBusy = this.#handshakes.size >= HANDSHAKES_MAX;
    if (this.#isCrowded || isBusy || !this.#thread.isUp) {
      this.#acceptor.suspend();
    } else {
      this.#acceptor.resume();
    }
  }

  #waitForHandshakes(): void {
    this.#listenOrWait();
    this.#look ??= setInterval(() => this.#forgetLong(), HANDSHAKE_LOOK_MS);
  }

  #forgetLong(): void {
    const since = monotonicMs() - HANDSHAKE_LONG_MS;
    for (const [row, began] of this.#handshakes) {
      if (began > since) {
        break;
      }
      this.#handshakes.delete(row);
    }
    if (this.#handshakes.size < HANDSHAKES_MAX) {
      clearInterval(this.#look);
      this.#look = undefined;
    }
    this.#listenOrWait();
  }

  #shookHands(row: number): void {
    const wasBusy = this.#handshakes.size >= HANDSHAKES_MAX;
    if (this.#handshakes.delete(row) && wasBusy) {
      this.#listenOrWait();
    }
  }

  // --- the thread ---

  #up(isUp: boolean): void {
    if (!isUp) {
      this.#freeRows.length = 0;
      this.#nextRow = TLS_ROW_FIRST;
      this.#ips.clear();
      this.#handshakes.clear();
    }
    this.#listenOrWait();
  }

  #heard(message: FromTls): void {
    if (message.kind === "ready") {
      return;
    }
    const { row } = message;
    this.#shookHands(row);
    if (message.kind === "gone") {
      if (message.failure !== null) {
        const ip = this.#ips.get(row) ?? "";
        this.#options.log.info("tls", `no handshake: ${message.failure}, ip=${ip}`);
      }
      this.#ips.delete(row);
      this.#freeRows.push(row);
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
