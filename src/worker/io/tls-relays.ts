/** The RTMPS connections of the TLS thread, by row of its board. */
import { createSecureContext, type SecureContext } from "node:tls";
import { RowState } from "../../protocol/control/board.ts";
import type { FromTls, TlsBoard, TlsSettings } from "../../protocol/control/tls-board.ts";
import { TlsRelay } from "./tls-relay.ts";

function contextOf({ key, certificate }: TlsSettings): SecureContext {
  // Without a session id context OpenSSL takes no session up again.
  return createSecureContext({ key, cert: certificate, sessionIdContext: "weir" });
}

/** Takes given connections and relays them. */
export class TlsRelays {
  readonly #board: TlsBoard;
  readonly #post: (message: FromTls) => void;
  readonly #relays = new Map<number, TlsRelay>();
  #context: SecureContext;
  #stallMs: number;

  constructor(board: TlsBoard, settings: TlsSettings, post: (message: FromTls) => void) {
    this.#board = board;
    this.#stallMs = settings.stallMs;
    this.#context = contextOf(settings);
    this.#post = post;
  }

  /** Connections that are there. */
  get size(): number {
    return this.#relays.size;
  }

  /** Connections from now on are served otherwise. */
  change(settings: TlsSettings): void {
    this.#context = contextOf(settings);
    this.#stallMs = settings.stallMs;
  }

  /** Takes a given connection over. @param outer Inode of the pair's other end. */
  adopt(row: number, outer: number): void {
    const board = this.#board;
    Atomics.store(board.state, row, RowState.Held);
    const relay = new TlsRelay({
      client: board.descriptorOf(row, 0),
      inner: board.descriptorOf(row, 1),
      context: this.#context,
      stallMs: this.#stallMs,
      isReset: () => board.isReset(row, outer),
      secured: () => this.#post({ kind: "secure", row }),
      gone: (failure) => {
        this.#relays.delete(row);
        Atomics.store(board.state, row, RowState.Free);
        this.#post({ kind: "gone", row, failure });
      },
    });
    this.#relays.set(row, relay);
  }

  /** Ends all at once. */
  close(): void {
    for (const relay of [...this.#relays.values()]) {
      relay.destroy();
    }
  }
}
