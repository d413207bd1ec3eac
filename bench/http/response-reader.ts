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
const LF = 10;

type Phase = "head" | "body" | "chunk-line" | "chunk" | "trailer" | "stream";

/** @returns a header's value in lower case, '' when it is not there. */
function headerValue(head: string, name: string): string {
  const line = head.split("\r\n").find((text) => text.toLowerCase().startsWith(`${name}:`));
  return line === undefined
    ? ""
    : line
        .slice(name.length + 1)
        .trim()
        .toLowerCase();
}

export class ResponseReader {
  #phase: Phase = "head";
  #text: string = "";
  /** Bytes of the body or chunk still to come. */
  #left: number = 0;

  /** Take `bytes[start, end)`; any cut of the input gives the same bytes. @throws Error on what is no response. */
  push(bytes: Uint8Array, start: number, end: number, sink: ResponseSink): void {
    let at = start;
    while (at < end) {
      at = this.#step(bytes, at, end, sink);
    }
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
    while (at < end) {
      this.#text += String.fromCharCode(bytes[at++] ?? 0);
      if (bytes[at - 1] === LF && this.#text.endsWith("\r\n\r\n")) {
        const head = this.#text;
        this.#text = "";
        this.#begin(head, sink);
        return at;
      }
    }
    if (this.#text.length > HEAD_CHARS_MAX) {
      throw new Error("a response head without end");
    }
    return at;
  }

  #begin(head: string, sink: ResponseSink): void {
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0);
    if (status === 0) {
      throw new Error("no HTTP response");
    }
    const length = headerValue(head, "content-length");
    const isEmpty = status === 101 || status === 204 || status === 304;
    sink.head(status, head);
    if (status === 101) {
      this.#phase = "stream";
    } else if (headerValue(head, "transfer-encoding").includes("chunked")) {
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
