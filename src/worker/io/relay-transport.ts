/**
 * Connections without descriptors of this thread: the primary keeps the sockets and relays bytes by posted messages.
 * Slower (each byte is copied twice and crosses threads), for hosts where the C library cannot be called.
 *
 * What a row may send is bounded by credit: bytes posted that the primary's kernel has not taken yet.
 */
import type { FromShard, RelayToShard } from "../../protocol/control/calls.ts";
import type { RowSocket, RowSocketSink } from "./row-socket.ts";
import {
  RowEvent,
  type RowMemory,
  type RowOptions,
  type RowTransport,
  SEND_FAILED,
} from "./row-transport.ts";

/** More than a kernel's socket is given: its acknowledgement waits for the primary's turn. */
const UNSENT_MIN = 256 * 1024;
const NOTHING: Uint8Array = new Uint8Array(0);

/** One relayed connection. */
interface Relayed {
  /** Bytes that may be posted and not taken. */
  window: number;
  /** Bytes posted and not taken. */
  unsent: number;
  wantsRoom: boolean;
  /** The connection is gone. */
  isClosed: boolean;
  failure: Error | undefined;
  /** **Owned**: what the peer sent; an empty array is its end. Bounded by what the primary relays unread. */
  readonly inbound: Uint8Array[];
  /** A publisher's: told at once. */
  socket: RelayedSocket | undefined;
}

/** All relayed connections of one shard. */
export class RelayTransport implements RowTransport {
  readonly #post: (message: FromShard) => void;
  readonly #rows = new Map<number, Relayed>();
  #events: { readonly row: number; readonly bits: number }[] = [];

  constructor(post: (message: FromShard) => void) {
    this.#post = post;
  }

  /** Takes what the primary relays. */
  take(message: RelayToShard): void {
    const relayed = this.#rows.get(message.row);
    if (relayed === undefined) {
      return;
    }
    switch (message.kind) {
      case "relay-in":
        relayed.inbound.push(message.bytes);
        break;
      case "relay-room":
        relayed.unsent -= message.bytes;
        break;
      case "relay-closed":
        relayed.isClosed = true;
        relayed.failure = message.failure === null ? undefined : new Error(message.failure);
        break;
    }
    relayed.socket?.advance();
    if (message.kind === "relay-room" && relayed.unsent === 0) {
      relayed.socket?.drained();
    }
  }

  /** A publisher's connection, told of what comes as it comes. */
  openSocket(row: number, sink: RowSocketSink): RowSocket {
    const socket: RelayedSocket = new RelayedSocket(sink, {
      state: (): Relayed | undefined => this.#rows.get(row),
      write: (bytes) => this.#write(row, bytes.slice()),
      consumed: (bytes) => this.#post({ kind: "relay-read", row, bytes }),
      close: (how) => {
        this.#rows.delete(row);
        this.#post({ kind: "relay-close", row, how });
      },
    });
    const known = this.#rows.get(row);
    if (known === undefined) {
      this.#open(row, UNSENT_MIN, socket);
    } else {
      known.socket = socket;
    }
    return socket;
  }

  // --- RowTransport ---

  memory(buffer: SharedArrayBuffer): RowMemory {
    return { buffer, address: 0 };
  }

  begin(): void {
    // Nothing of it outlives the thread.
  }

  end(): void {
    // As above.
  }

  open(row: number, { unsentBytes }: RowOptions): boolean {
    this.#open(row, Math.max(UNSENT_MIN, unsentBytes), undefined);
    return true;
  }

  tune(): void {
    // The sockets are the primary's.
  }

  release(): void {
    // Its state stays for the one who opens it next.
  }

  limitUnsent(row: number, bytes: number): void {
    const relayed = this.#rows.get(row);
    if (relayed !== undefined) {
      relayed.window = Math.max(UNSENT_MIN, bytes);
    }
  }

  send(row: number, { buffer }: RowMemory, offset: number, length: number): number {
    const relayed = this.#rows.get(row);
    if (relayed === undefined || relayed.isClosed) {
      return SEND_FAILED;
    }
    const room = Math.max(0, relayed.window - relayed.unsent);
    const sent = Math.min(length, room);
    if (sent > 0) {
      const bytes = new Uint8Array(sent);
      bytes.set(new Uint8Array(buffer, offset, sent));
      this.#write(row, bytes);
    }
    return sent;
  }

  watchRoom(row: number, on: boolean): void {
    const relayed = this.#rows.get(row);
    if (relayed !== undefined) {
      relayed.wantsRoom = on;
    }
  }

  poll(): number {
    this.#events = [];
    for (const [row, relayed] of this.#rows) {
      const bits = relayed.socket === undefined ? bitsOf(relayed) : 0;
      if (bits !== 0) {
        this.#events.push({ row, bits });
      }
    }
    return this.#events.length;
  }

  eventRow(index: number): number {
    return this.#events[index]?.row ?? -1;
  }

  eventBits(index: number): number {
    return this.#events[index]?.bits ?? 0;
  }

  read(row: number): Uint8Array | null {
    const relayed = this.#rows.get(row);
    const bytes = relayed?.inbound.shift();
    if (bytes === undefined) {
      return relayed === undefined || relayed.isClosed ? NOTHING : null;
    }
    this.#post({ kind: "relay-read", row, bytes: bytes.length });
    return bytes;
  }

  /** What the kernel holds is not known. */
  unacknowledged(row: number): number {
    return this.#rows.get(row)?.unsent ?? 0;
  }

  close(row: number, reset: boolean): void {
    this.#rows.delete(row);
    this.#post({ kind: "relay-close", row, how: reset ? "reset" : "end" });
  }

  #open(row: number, window: number, socket: RelayedSocket | undefined): void {
    this.#rows.set(row, {
      window,
      unsent: 0,
      wantsRoom: false,
      isClosed: false,
      failure: undefined,
      inbound: [],
      socket,
    });
    this.#post({ kind: "relay-open", row });
  }

  /** Posts bytes of the receiver's own. */
  #write(row: number, bytes: Uint8Array): void {
    const relayed = this.#rows.get(row);
    if (relayed !== undefined && bytes.length > 0) {
      relayed.unsent += bytes.length;
      this.#post({ kind: "relay-out", row, bytes });
    }
  }
}

function bitsOf({ inbound, isClosed, wantsRoom, unsent, window }: Relayed): number {
  const input = inbound.length > 0 || isClosed ? RowEvent.In : 0;
  return input | (wantsRoom && unsent < window ? RowEvent.Out : 0);
}

/** What a relayed socket works with. */
interface RelayedSocketHost {
  state(): Relayed | undefined;
  write(bytes: Uint8Array): void;
  consumed(bytes: number): void;
  close(how: "end" | "destroy"): void;
}

/** A publisher's connection. */
class RelayedSocket implements RowSocket {
  readonly #sink: RowSocketSink;
  readonly #host: RelayedSocketHost;
  /** Messages come as they come. */
  readonly isLeisurely = false;
  #isPaused = false;
  #isReading = false;
  #isOver = false;

  constructor(sink: RowSocketSink, host: RelayedSocketHost) {
    this.#sink = sink;
    this.#host = host;
  }

  get backlogBytes(): number {
    return this.#host.state()?.unsent ?? 0;
  }

  setLeisurely(): void {
    // Nothing gathers here.
  }

  readNow(): void {
    this.advance();
  }

  write(bytes: Uint8Array): void {
    this.#host.write(bytes);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    // Never from inside the call that resumes: its caller is not done.
    setImmediate(() => this.advance());
  }

  end(): void {
    this.#close("end");
  }

  destroy(): void {
    this.#close("destroy");
  }

  drained(): void {
    if (!this.#isOver) {
      this.#sink.drained();
    }
  }

  /** Something came: delivers what may be delivered. */
  advance(): void {
    const state = this.#host.state();
    if (state === undefined || this.#isReading) {
      return;
    }
    this.#isReading = true;
    while (!(this.#isPaused || this.#isOver)) {
      const bytes = state.inbound.shift();
      if (bytes === undefined) {
        break;
      }
      if (bytes.length === 0) {
        this.#close("end");
      } else {
        this.#host.consumed(bytes.length);
        this.#isPaused = !this.#sink.read(bytes) || this.#isPaused;
      }
    }
    this.#isReading = false;
    if (state.isClosed && state.inbound.length === 0) {
      this.#close("destroy", state.failure);
    }
  }

  #close(how: "end" | "destroy", failure?: Error): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#host.close(how);
      setImmediate(() => this.#sink.closed(failure));
    }
  }
}
