/** A request and its reply without any HTTP. */
import type {
  BodyEvents,
  BodyStream,
  HeaderList,
  HttpReply,
  HttpRequest,
} from "../../../src/worker/io/http-backend.ts";

/** A request as a backend makes it. */
export function fakeRequest(method: string, path: string): HttpRequest {
  const plain = { query: "", ip: "1.2.3.4", isSecure: false, isUpgrade: false };
  return { method, path, ...plain, header: (name) => (name === "host" ? "h:80" : "") };
}

/** Remembers what was answered. */
export class FakeReply implements HttpReply {
  isOpen = true;
  status = 0;
  headers: HeaderList = [];
  body = "";
  /** Tells that the client left. */
  leave: () => void = () => undefined;
  /** Of an endless body. */
  events: BodyEvents | undefined;
  /** What an endless body got. */
  readonly written: Uint8Array[] = [];
  ended: "no" | "ended" | "destroyed" = "no";

  onGone(callback: () => void): void {
    this.leave = () => {
      this.isOpen = false;
      callback();
    };
  }

  send(status: number, headers: HeaderList, body: Uint8Array | string): void {
    if (this.isOpen) {
      this.isOpen = false;
      this.status = status;
      this.headers = headers;
      this.body = body.toString();
    }
  }

  stream(status: number, headers: HeaderList, events: BodyEvents): BodyStream {
    this.isOpen = false;
    this.status = status;
    this.headers = headers;
    this.events = events;
    return {
      write: (bytes) => {
        this.written.push(bytes.slice());
        return true;
      },
      end: () => {
        this.ended = "ended";
      },
      destroy: () => {
        this.ended = "destroyed";
      },
    };
  }
}
