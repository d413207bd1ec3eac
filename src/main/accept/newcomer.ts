/** One connection in the lobby: its session machine, its deadlines, its answers, its hand-off. */
import { createHmac, randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { ProtocolError, RejectedError } from "../../protocol/errors.ts";
import type { HandshakeHost } from "../../protocol/rtmp/handshake.ts";
import {
  type ConnectRequest,
  type PublishStyle,
  ServerSession,
  type ServerSessionSink,
  type StreamRequest,
} from "../../protocol/rtmp/server-session.ts";
import type { StreamEntry } from "../coordinator/coordinator.ts";
import { monotonicMs } from "../monotonic.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import { type HandOff, handOff } from "./hand-off.ts";
import type { LobbyHost } from "./lobby-host.ts";

/** A refused client has this long to read why. */
const FAREWELL_MS = 1000;
/** Replies waiting for a client that does not read. */
const BACKLOG_BYTES_MAX = 64 * 1024;
const NOTHING = new Uint8Array(0);

const HOST: HandshakeHost = {
  hmac: (key, data) => createHmac("sha256", key).update(data).digest(),
  random: (bytes) => randomBytes(bytes),
  time: () => monotonicMs(),
};

/** IPv4-mapped IPv6 as IPv4. */
function plainAddress(address: string | undefined): string {
  return (address ?? "").replace(/^::ffff:/, "");
}

/** A connection that has not said what it wants. */
export class Newcomer implements ServerSessionSink {
  readonly id: string;
  readonly ip: string;
  readonly #socket: Socket;
  readonly #host: LobbyHost;
  readonly #left: (reason: string) => void;
  readonly #session: ServerSession;
  readonly #since: number = monotonicMs();
  /** **Owned**: bytes read and not consumed; at most one read of the socket and what it buffers while paused. */
  #rest: Uint8Array = NOTHING;
  #deadline: number;
  #isGone = false;
  /** Writes that the kernel has not taken yet. */
  #unsentWrites = 0;
  #onFlushed: (() => void) | undefined;
  /** Somebody decides about this connection: no deadline runs. */
  #isWaiting = false;

  constructor(socket: Socket, id: string, host: LobbyHost, left: (reason: string) => void) {
    this.id = id;
    this.ip = plainAddress(socket.remoteAddress);
    this.#socket = socket;
    this.#host = host;
    this.#left = left;
    const { limits } = host.config();
    this.#deadline = this.#since + limits.handshakeTimeoutMs;
    const ip = plainAddress(socket.localAddress);
    this.#session = new ServerSession(HOST, { serverInfo: { ...host.serverInfo, ip, id } });
    socket.on("data", (bytes) => this.#read(bytes));
    socket.on("error", () => this.#gone(""));
    socket.on("close", () => this.#gone(""));
  }

  /** Closes a connection that took too long. */
  checkDeadline(now: number): void {
    if (now > this.#deadline && !this.#isWaiting) {
      const { phase } = this.#session;
      this.#host.log.info(
        this.id,
        `closed: no ${phase === "handshake" ? "handshake" : "command"} in time, ip=${this.ip}`,
      );
      this.close(`timeout_${phase}`);
    }
  }

  /** Closes at once. */
  close(reason: string): void {
    this.#gone(reason);
    this.#socket.destroy();
  }

  // --- ServerSessionSink ---

  write(bytes: Uint8Array): void {
    if (this.#isGone) {
      return;
    }
    if (this.#socket.writableCorked === 0) {
      // Replies of one read go out together.
      this.#socket.cork();
      queueMicrotask(() => this.#socket.uncork());
    }
    this.#unsentWrites += 1;
    this.#socket.write(Buffer.from(bytes), () => this.#written());
    if (this.#socket.writableLength > BACKLOG_BYTES_MAX) {
      this.close("backlog");
    }
  }

  connect(request: ConnectRequest): void {
    try {
      const vhost = this.#host.admission.vhost(request.vhost);
      this.#session.configure({
        chunkSizeOut: vhost.chunkSize,
        windowAckSizeOut: vhost.outAckSize,
        inAckSize: vhost.inAckSize,
      });
      this.#deadline = this.#since + this.#host.config().limits.identifyTimeoutMs;
      this.#session.acceptConnect(this);
    } catch (error) {
      this.#reject(error, (code, text) => this.#session.rejectConnect(code, text, this));
    }
  }

  publish(messageStream: number, request: StreamRequest, style: PublishStyle): void {
    this.#isWaiting = true;
    this.#host.admission.publish(request).then(
      (entry) => this.#startPublish(messageStream, entry, request, style),
      (error: unknown) =>
        this.#reject(error, (code, text) =>
          this.#session.rejectPublish(messageStream, code, text, this),
        ),
    );
  }

  play(messageStream: number, request: StreamRequest): void {
    this.#isWaiting = true;
    try {
      const entry = this.#host.admission.play(request);
      // After the session has returned, so that what it wrote is on its way.
      queueMicrotask(() => this.#whenFlushed(() => this.#startPlay(messageStream, entry, request)));
    } catch (error) {
      this.#reject(error, (code, text) =>
        this.#session.rejectPlay(messageStream, code, text, this),
      );
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

  #read(bytes: Buffer): void {
    if (this.#isGone) {
      return;
    }
    // A plain array: `slice` of a Buffer would not copy.
    const input = new Uint8Array(this.#rest.length + bytes.length);
    input.set(this.#rest);
    input.set(bytes, this.#rest.length);
    this.#rest = NOTHING;
    try {
      const before = this.#session.phase;
      const consumed = this.#session.push(input, this);
      this.#rest = consumed < input.length ? input.subarray(consumed) : NOTHING;
      if (before === "handshake" && this.#session.phase === "connect") {
        this.#deadline = this.#since + this.#host.config().limits.connectTimeoutMs;
      }
    } catch (error) {
      if (error instanceof RejectedError) {
        // The session has written the refusal.
        this.#host.log.info(this.id, `refused: ${error.message} (${error.status}), ip=${this.ip}`);
        this.#farewell(error.code);
        return;
      }
      if (!(error instanceof ProtocolError)) {
        throw error;
      }
      this.#host.log.info(this.id, `closed: ${describeError(error)}, ip=${this.ip}`);
      this.close(error.code);
      return;
    }
    if (this.#session.isWaiting) {
      this.#socket.pause();
    }
  }

  #startPublish(
    messageStream: number,
    entry: StreamEntry,
    request: StreamRequest,
    style: PublishStyle,
  ): void {
    if (this.#isGone) {
      this.#host.admission.abandon(entry);
      return;
    }
    this.#whenFlushed(() => this.#givePublisher(messageStream, entry, request, style));
  }

  #givePublisher(
    messageStream: number,
    entry: StreamEntry,
    request: StreamRequest,
    style: PublishStyle,
  ): void {
    const { coordinator, shards } = this.#host;
    const index = this.#isGone ? -1 : coordinator.placePublisher(entry.key);
    const shard = shards[index];
    const lease = shard === undefined ? null : coordinator.lendRing(index);
    if (shard === undefined || lease === null) {
      this.#host.admission.abandon(entry);
      this.#refuse("NetStream.Publish.Failed", (code, text) =>
        this.#session.rejectPublish(messageStream, code, text, this),
      );
      return;
    }
    coordinator.announce(entry, index);
    const publish = { lease, previous: entry.previous };
    const row = this.#handOff(shard, messageStream, entry, publish);
    if (row < 0) {
      this.#host.admission.abandon(entry);
      coordinator.take(index, { kind: "ring-released", ringId: lease.ringId });
      return;
    }
    entry.publisher = { shard: index, row };
    this.#register({
      type: style,
      shard: index,
      row,
      request,
      published: entry,
      playing: undefined,
    });
  }

  #startPlay(messageStream: number, entry: StreamEntry, request: StreamRequest): void {
    const { coordinator, shards } = this.#host;
    const index = this.#isGone ? -1 : coordinator.placePlayer(entry);
    const shard = shards[index];
    if (shard === undefined) {
      coordinator.prune(entry);
      this.#refuse("NetStream.Play.Failed", (code, text) =>
        this.#session.rejectPlay(messageStream, code, text, this),
      );
      return;
    }
    coordinator.announce(entry, index);
    // The shard sends the replies itself, with everything else that a new player gets.
    this.#session.acceptPlay(messageStream, this, true);
    const row = this.#handOff(shard, messageStream, entry, null);
    if (row < 0) {
      coordinator.prune(entry);
      return;
    }
    const playing = coordinator.addPlayer(entry, index);
    this.#register({
      type: "rtmp-play",
      shard: index,
      row,
      request,
      published: undefined,
      playing,
    });
  }

  #handOff(
    shard: ShardLink,
    messageStream: number,
    entry: StreamEntry,
    publish: HandOff["publish"],
  ): number {
    const row = handOff(shard, {
      socket: this.#socket,
      session: this.#session,
      rest: this.#rest,
      streamId: entry.id,
      messageStream,
      connectionId: this.id,
      publish,
    });
    if (row < 0) {
      this.#host.log.warn(this.id, `closed: shard ${shard.index} has no row left`);
      this.close("no_row");
      return row;
    }
    this.#gone("");
    return row;
  }

  #register(client: Omit<Parameters<LobbyHost["clients"]["add"]>[0], "id" | "ip" | "since">): void {
    this.#host.clients.add({ id: this.id, ip: this.ip, since: monotonicMs(), ...client });
    const { request, type, shard } = client;
    this.#host.log.info(
      this.id,
      `${type}, vhost=${request.vhost}, app=${request.app}, stream=${request.stream}, ip=${this.ip}, shard=${shard}`,
    );
  }

  /**
   * Runs `next` when the kernel has taken every byte written so far, or the connection is gone. Meanwhile the lobby's
   * last deadline runs: the client has to read.
   */
  #whenFlushed(next: () => void): void {
    if (this.#isGone || this.#unsentWrites === 0) {
      next();
      return;
    }
    this.#isWaiting = false;
    this.#onFlushed = () => {
      this.#isWaiting = true;
      next();
    };
  }

  #written(): void {
    this.#unsentWrites -= 1;
    if (this.#unsentWrites === 0 && this.#onFlushed !== undefined) {
      const next = this.#onFlushed;
      this.#onFlushed = undefined;
      next();
    }
  }

  #reject(error: unknown, answer: (code: string, description: string) => void): void {
    if (!(error instanceof RejectedError)) {
      this.#host.log.error(this.id, `admission failed: ${describeError(error)}`);
      this.close("admission_failed");
      return;
    }
    this.#refuse(error.status, answer, error.message, error.code);
  }

  #refuse(
    code: string,
    answer: (code: string, description: string) => void,
    text = "The server has no room.",
    reason = "no_room",
  ): void {
    if (this.#isGone) {
      return;
    }
    this.#host.log.info(this.id, `refused: ${text} (${code}), ip=${this.ip}`);
    answer(code, text);
    this.#farewell(reason);
  }

  /** Closes after what was written; the client has a moment to read it. */
  #farewell(reason: string): void {
    this.#gone(reason);
    this.#socket.removeAllListeners("data");
    this.#socket.resume();
    this.#socket.end();
    setTimeout(() => this.#socket.destroy(), FAREWELL_MS);
  }

  #gone(reason: string): void {
    if (!this.#isGone) {
      this.#isGone = true;
      this.#left(reason);
    }
  }
}

/** Short text of an error for the log; never a stack. */
function describeError(error: unknown): string {
  if (error instanceof ProtocolError) {
    return `${error.code}: ${error.message}`;
  }
  return error instanceof Error ? error.message : String(error);
}
