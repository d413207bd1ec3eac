/** Frames of a WebSocket server (RFC 6455 §5.2): payloads are passed on where they are, cut as they come. */

export interface WebSocketSink {
  /** Payload bytes of a text or binary message, borrowed. */
  data(bytes: Uint8Array, start: number, end: number): void;
  /** A whole ping, close or pong. */
  control(opcode: number, payload: Uint8Array): void;
}

export const WebSocketOpcode = { Close: 8, Ping: 9, Pong: 10 } as const;

const HEADER_BYTES_MAX = 10;
const CONTROL_BYTES_MAX = 125;

export class WebSocketReader {
  readonly #header: Uint8Array = new Uint8Array(HEADER_BYTES_MAX);
  #headerBytes: number = 0;
  /** Payload bytes of the frame still to come; -1 between frames. */
  #left: number = -1;
  #opcode: number = 0;
  readonly #control: Uint8Array = new Uint8Array(CONTROL_BYTES_MAX);
  #controlBytes: number = 0;

  /** Take `bytes[start, end)`; any cut of the input gives the same bytes. @throws Error on a wrong frame. */
  push(bytes: Uint8Array, start: number, end: number, sink: WebSocketSink): void {
    let at = start;
    while (at < end) {
      if (this.#left < 0) {
        this.#header[this.#headerBytes++] = bytes[at++] ?? 0;
        this.#endOfHeader();
      } else {
        at = this.#payload(bytes, at, end, sink);
      }
      if (this.#left === 0) {
        this.#endOfFrame(sink);
      }
    }
  }

  #payload(bytes: Uint8Array, at: number, end: number, sink: WebSocketSink): number {
    const count = Math.min(this.#left, end - at);
    if (this.#opcode < WebSocketOpcode.Close) {
      sink.data(bytes, at, at + count);
    } else {
      this.#control.set(bytes.subarray(at, at + count), this.#controlBytes);
      this.#controlBytes += count;
    }
    this.#left -= count;
    return at + count;
  }

  #endOfHeader(): void {
    const header = this.#header;
    const short = (header[1] ?? 0) & 0x7f;
    const size = 2 + ({ 126: 2, 127: 8 }[short] ?? 0);
    if (this.#headerBytes < 2 || this.#headerBytes < size) {
      return;
    }
    if (((header[1] ?? 0) & 0x80) !== 0) {
      throw new Error("a masked frame from a server");
    }
    let length = short;
    if (size > 2) {
      length = 0;
      for (let index = 2; index < size; index++) {
        length = length * 256 + (header[index] ?? 0);
      }
    }
    this.#opcode = (header[0] ?? 0) & 15;
    if (this.#opcode >= WebSocketOpcode.Close && length > CONTROL_BYTES_MAX) {
      throw new Error("a control frame of more than 125 bytes");
    }
    this.#headerBytes = 0;
    this.#left = length;
  }

  #endOfFrame(sink: WebSocketSink): void {
    this.#left = -1;
    if (this.#opcode >= WebSocketOpcode.Close) {
      const payload = this.#control.slice(0, this.#controlBytes);
      this.#controlBytes = 0;
      sink.control(this.#opcode, payload);
    }
  }
}

/** @returns **owned** frame of a client, masked with a mask of zeros. */
export function encodeClientFrame(opcode: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(6 + payload.length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | payload.length;
  frame.set(payload, 6);
  return frame;
}
