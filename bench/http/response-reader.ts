/** Responses of a kept HTTP/1.1 connection, read piece by piece (RFC 9112): body bytes are passed on where they are. */

export interface ResponseSink {
  /** Head of a response. */
  head(status: number, head: string): void;
  /** Bytes of the body, borrowed. */
  body(bytes: Uint8Array, start: number, end: number): void;
  /** The body is whole. */
  end(): void;
}

const HEAD_CHARS_MAX = 16_384;
const CHUNK_LINE_CHARS_MAX = 64;
const CR = 13;
const LF = 10;
/** Of the empty line that ends a head, with the line break before it. */
const HEAD_END_BYTES = 4;

type Phase = "head" | "body" | "chunk-line" | "chunk" | "trailer" | "stream";

const STATUS = /^HTTP\/1\.[01] (\d{3})/;
const LENGTH = /\ncontent-length:[ \t]*(\d+)/i;
const CHUNKED = /\ntransfer-encoding:[^\r]*chunked/i;

export class ResponseReader {
  #phase: Phase = "head";
  #text: string = "";
  /** Bytes of the end of a head that were the last ones read. */
  #headEnd: number = 0;
  /** Bytes of the body or chunk still to come. */
  #left: number = 0;

  /** Take `bytes[start, end)`; any cut of the input gives the same bytes. @throws Error on what is no response. */
  push(bytes: Uint8Array, start: number, end: number, sink: ResponseSink): void {
    let at = start;
    while (at < end) {
      at = this.#step(bytes, at, end, sink);
    }
  }

  /** Bytes of the body that are still to come and may be left unread, see {@link skip}; 0 in between and where not known. */
  get bodyLeft(): number {
    return this.#phase === "body" ? this.#left : 0;
  }

  /** Bytes of the body were taken elsewhere, at most {@link bodyLeft}: no {@link ResponseSink.body} tells of them. */
  skip(sizeBytes: number, sink: ResponseSink): void {
    this.#left -= sizeBytes;
    this.#endWhenWhole(sink);
  }

  #step(bytes: Uint8Array, at: number, end: number, sink: ResponseSink): number {
    switch (this.#phase) {
      case "head":
        return this.#head(bytes, at, end, sink);
      case "chunk-line":
      case "trailer":
        return this.#line(bytes, at, end, sink);
      default:
        return this.#body(bytes, at, end, sink);
    }
  }

  #head(bytes: Uint8Array, from: number, end: number, sink: ResponseSink): number {
    let at = from;
    while (at < end && this.#headEnd < HEAD_END_BYTES) {
      const byte = bytes[at++] ?? 0;
      // CR LF CR LF: an even place is a CR's, an odd one a LF's.
      if (byte === (this.#headEnd % 2 === 0 ? CR : LF)) {
        this.#headEnd++;
      } else {
        this.#headEnd = byte === CR ? 1 : 0;
      }
    }
    if (this.#text.length + at - from > HEAD_CHARS_MAX) {
      throw new Error("a response head without end");
    }
    this.#text += String.fromCharCode(...bytes.subarray(from, at));
    if (this.#headEnd === HEAD_END_BYTES) {
      const head = this.#text;
      this.#text = "";
      this.#headEnd = 0;
      this.#begin(head, sink);
    }
    return at;
  }

  #begin(head: string, sink: ResponseSink): void {
    const status = Number(STATUS.exec(head)?.[1] ?? 0);
    if (status === 0) {
      throw new Error("no HTTP response");
    }
    const length = LENGTH.exec(head)?.[1] ?? "";
    const isEmpty = status === 101 || status === 204 || status === 304;
    sink.head(status, head);
    if (status === 101) {
      this.#phase = "stream";
    } else if (CHUNKED.test(head)) {
      this.#phase = "chunk-line";
    } else if (isEmpty || length !== "") {
      this.#left = isEmpty ? 0 : Number(length);
      this.#phase = "body";
      this.#endWhenWhole(sink);
    } else {
      this.#phase = "stream";
    }
  }

  #body(bytes: Uint8Array, at: number, end: number, sink: ResponseSink): number {
    if (this.#phase === "stream") {
      sink.body(bytes, at, end);
      return end;
    }
    const count = Math.min(this.#left, end - at);
    this.#left -= count;
    sink.body(bytes, at, at + count);
    if (this.#phase === "body") {
      this.#endWhenWhole(sink);
    } else if (this.#left === 0) {
      this.#phase = "chunk-line";
    }
    return at + count;
  }

  #endWhenWhole(sink: ResponseSink): void {
    if (this.#left === 0) {
      this.#phase = "head";
      sink.end();
    }
  }

  /** A line of the chunked coding: the empty one after a chunk, a size, or of the trailer. */
  #line(bytes: Uint8Array, from: number, end: number, sink: ResponseSink): number {
    let at = from;
    while (at < end) {
      const byte = bytes[at++] ?? 0;
      if (byte !== LF) {
        this.#text += String.fromCharCode(byte);
        continue;
      }
      const line = this.#text.trim();
      this.#text = "";
      this.#endOfLine(line, sink);
      return at;
    }
    if (this.#text.length > CHUNK_LINE_CHARS_MAX) {
      throw new Error("a chunk's size without end");
    }
    return at;
  }

  #endOfLine(line: string, sink: ResponseSink): void {
    if (this.#phase === "trailer") {
      if (line === "") {
        this.#phase = "head";
        sink.end();
      }
      return;
    }
    if (line === "") {
      return; // after a chunk's bytes
    }
    this.#left = Number.parseInt(line, 16);
    if (Number.isNaN(this.#left)) {
      throw new Error("a chunk without a size");
    }
    this.#phase = this.#left === 0 ? "trailer" : "chunk";
  }
}
