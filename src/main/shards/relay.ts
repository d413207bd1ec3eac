/**
 * The connections of one shard that cannot be handed over: where the C library cannot be called, the sockets stay here
 * and their bytes cross by posted messages.
 */
import type { RelayFromShard, RelayToShard } from "../../protocol/control/calls.ts";

/** What the relay uses of a net.Socket. */
export interface RelaySocket {
  readonly destroyed: boolean;
  write(bytes: Uint8Array, done: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
  end(): unknown;
  destroy(): unknown;
  destroySoon(): void;
  resetAndDestroy(): unknown;
  on(event: "data", heard: (bytes: Uint8Array) => void): unknown;
  on(event: "end" | "close", heard: () => void): unknown;
  on(event: "error", heard: (error: Error) => void): unknown;
}

/** Bytes of one connection on their way to its shard: more are left in the kernel. */
const UNREAD_MAX = 256 * 1024;
/** What was queued at the end has so long to go out. */
const FAREWELL_MS = 5000;

/** One connection. */
class Relayed {
  readonly #row: number;
  readonly #socket: RelaySocket;
  readonly #post: (message: RelayToShard) => void;
  /** What was read before. */
  #late: readonly Uint8Array[];
  #unread = 0;
  #isOpen = false;
  #isClosed = false;
  /** The shard has closed it: it hears no more of it. */
  #isLetGo = false;
  #failure: string | null = null;

  constructor(
    row: number,
    { socket, late }: { socket: RelaySocket; late: readonly Uint8Array[] },
    post: (message: RelayToShard) => void,
  ) {
    this.#row = row;
    this.#socket = socket;
    this.#late = late;
    this.#post = (message) => {
      if (!this.#isLetGo) {
        post(message);
      }
    };
    socket.on("data", (bytes) => this.#read(bytes));
    socket.on("end", () => this.#post({ kind: "relay-in", row, bytes: new Uint8Array(0) }));
    socket.on("error", ({ message }) => {
      this.#failure = message;
    });
    socket.on("close", () => this.#closed());
    socket.pause();
    this.#isClosed = socket.destroyed;
  }

  take(message: RelayFromShard): void {
    const row = this.#row;
    switch (message.kind) {
      case "relay-open":
        this.#open();
        break;
      case "relay-out": {
        const { length } = message.bytes;
        this.#socket.write(message.bytes, () =>
          this.#post({ kind: "relay-room", row, bytes: length }),
        );
        break;
      }
      case "relay-read":
        this.#unread -= message.bytes;
        if (this.#unread <= UNREAD_MAX / 2) {
          this.#socket.resume();
        }
        break;
      case "relay-close":
        this.letGo(message.how);
    }
  }

  letGo(how: "end" | "destroy" | "reset"): void {
    this.#isLetGo = true;
    if (how === "reset") {
      this.#socket.resetAndDestroy();
    } else if (how === "destroy") {
      this.#socket.destroy();
    } else {
      this.#socket.resume();
      this.#socket.end();
      this.#socket.destroySoon();
      setTimeout(() => this.#socket.destroy(), FAREWELL_MS).unref();
    }
  }

  /** The shard listens from now on. */
  #open(): void {
    this.#isOpen = true;
    for (const bytes of this.#late) {
      this.#read(bytes);
    }
    this.#late = [];
    if (this.#isClosed) {
      this.#closed();
    } else {
      this.#socket.resume();
    }
  }

  #read(bytes: Uint8Array): void {
    if (this.#isLetGo) {
      return;
    }
    this.#unread += bytes.length;
    // Exactly the bytes: a posted view takes its whole buffer along.
    this.#post({ kind: "relay-in", row: this.#row, bytes: new Uint8Array(bytes) });
    if (this.#unread > UNREAD_MAX) {
      this.#socket.pause();
    }
  }

  #closed(): void {
    this.#isClosed = true;
    if (this.#isOpen) {
      this.#post({ kind: "relay-closed", row: this.#row, failure: this.#failure });
    }
  }
}

/** The relayed connections of one shard. */
export class Relay {
  readonly #post: (message: RelayToShard) => void;
  readonly #connections = new Map<number, Relayed>();

  constructor(post: (message: RelayToShard) => void) {
    this.#post = post;
  }

  /**
   * Keeps a socket for a row that was just given; nobody else listens to it.
   * @param late What was read of it before. Owned; an empty array is its end.
   */
  adopt(row: number, socket: RelaySocket, late: readonly Uint8Array[]): void {
    this.#connections.set(row, new Relayed(row, { socket, late }, this.#post));
  }

  /** Takes what the shard says of a connection. */
  take(message: RelayFromShard): void {
    const relayed = this.#connections.get(message.row);
    if (message.kind === "relay-close") {
      this.#connections.delete(message.row);
    }
    relayed?.take(message);
  }

  /** The shard is gone: so are its connections. */
  close(): void {
    for (const relayed of this.#connections.values()) {
      relayed.letGo("destroy");
    }
    this.#connections.clear();
  }
}
