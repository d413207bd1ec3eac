/** One viewer of an endless body: its answer begins with its first bytes, so that a stream that never comes is a 404. */
import type { BodyEvents, BodyStream, HeaderList, HttpReply } from "../io/http-backend.ts";
import type { RowSink } from "./http-rows.ts";
import type { Outlet } from "./outlet.ts";

/** What a viewer tells. */
export interface ViewerEvents {
  drained(row: number): void;
  gone(row: number): void;
}

/** A viewer on its row. */
export class Viewer implements RowSink, BodyEvents {
  readonly row: number;
  outlet: Outlet;
  readonly #reply: HttpReply;
  readonly #headers: HeaderList;
  readonly #events: ViewerEvents;
  #stream: BodyStream | undefined;
  #isOver = false;

  constructor(
    place: { readonly row: number; readonly outlet: Outlet },
    reply: HttpReply,
    headers: HeaderList,
    events: ViewerEvents,
  ) {
    this.row = place.row;
    this.outlet = place.outlet;
    this.#reply = reply;
    this.#headers = headers;
    this.#events = events;
    reply.onGone(() => this.gone());
  }

  /** It has had its first bytes. */
  get isBegun(): boolean {
    return this.#stream !== undefined;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isOver) {
      return false;
    }
    this.#stream ??= this.#reply.stream(200, this.#headers, this);
    return this.#stream.write(bytes);
  }

  drained(): void {
    if (!this.#isOver) {
      this.#events.drained(this.row);
    }
  }

  gone(): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#events.gone(this.row);
    }
  }

  /** Ends it from this side: in order where nothing was lost, with a status where nothing was sent yet. */
  end(inOrder: boolean, status: number, text: string): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    if (this.#stream === undefined) {
      this.#reply.send(
        status,
        [...this.#headers.filter(isCors), ["Content-Type", "text/plain"]],
        `${text}\n`,
      );
    } else if (inOrder) {
      this.#stream.end();
    } else {
      this.#stream.destroy();
    }
  }
}

function isCors([name]: readonly [string, string]): boolean {
  return name.startsWith("Access-Control-");
}
