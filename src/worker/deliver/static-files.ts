/** Files over HTTP: `http_server.dir`, and `http_static` of vhosts. What is not there is left to others. */
import type { StaticMount } from "../../protocol/control/calls.ts";
import type { RefusalSink } from "../../protocol/control/refusal-counts.ts";
import { FILE_STALL_MS, FILES_OPEN_MAX } from "../../protocol/limits.ts";
import type { HeaderList, HttpReply, HttpRequest } from "../io/http-backend.ts";
import { type ByteRange, decodeRange } from "./byte-range.ts";
import { contentTypeOf } from "./content-types.ts";
import { FileTransfer } from "./file-transfer.ts";
import type { HttpService } from "./http-service.ts";
import { type Found, type OpenedFile, openInside } from "./open-file.ts";
import { decodeSegments, findStatic, type StaticName } from "./static-path.ts";

const INDEX = "index.html";
const SWEEP_MS = 1000;
const SECOND_MS = 1000;
const TEXT: HeaderList[number] = ["Content-Type", "text/plain"];

interface Exchange {
  readonly request: HttpRequest;
  readonly reply: HttpReply;
  readonly next: () => void;
}

/** Whether a request may have a file. @param path Where it lies, links resolved. Never rejects. */
export type FileCheck = (path: string, request: HttpRequest) => Promise<boolean>;

/** Serves files. */
export class StaticFiles implements HttpService {
  readonly #cors: HeaderList;
  readonly #stallMs: number;
  readonly #refused: RefusalSink;
  readonly #admits: FileCheck;
  readonly #transfers = new Set<FileTransfer>();
  #mounts: readonly StaticMount[];
  /** Files that are open, or about to be. */
  #open = 0;
  #sweep: NodeJS.Timeout | undefined;
  #isStopped = false;

  /** @param stallMs A client that takes nothing for this long is closed. */
  constructor(
    mounts: readonly StaticMount[],
    cors: HeaderList,
    stallMs: number = FILE_STALL_MS,
    refused: RefusalSink = () => undefined,
    admits: FileCheck = () => Promise.resolve(true),
  ) {
    this.#admits = admits;
    this.#mounts = mounts;
    this.#cors = cors;
    this.#stallMs = stallMs;
    this.#refused = refused;
  }

  /** Other directories from now on. */
  change(mounts: readonly StaticMount[]): void {
    this.#mounts = mounts;
  }

  take(request: HttpRequest, reply: HttpReply, next: () => void): void {
    const { method, path, isUpgrade } = request;
    if (isUpgrade || (method !== "GET" && method !== "HEAD") || this.#mounts.length === 0) {
      next();
      return;
    }
    const segments = decodeSegments(path);
    if (segments === null) {
      this.#refused("http_bad_request");
      reply.send(400, [...this.#cors, TEXT], "Bad request\n");
      return;
    }
    const name =
      segments === undefined
        ? undefined
        : findStatic(this.#mounts, request.header("host"), segments);
    if (name === undefined) {
      next();
    } else if (this.#open >= FILES_OPEN_MAX) {
      this.#sendBusy(reply);
    } else {
      this.#open += 1;
      void this.#find(name, { request, reply, next });
    }
  }

  /** Ends what is on its way. */
  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#sweep);
    for (const transfer of [...this.#transfers]) {
      transfer.abort();
    }
  }

  async #find({ dir, name, isFolder }: StaticName, exchange: Exchange): Promise<void> {
    const wanted = isFolder ? `${name}/${INDEX}` : name;
    let found = await openInside(dir, wanted);
    if (found.kind === "folder") {
      const inside = await openInside(dir, `${wanted}/${INDEX}`);
      if (inside.kind === "file") {
        await inside.file.handle.close();
        this.#open -= 1;
        this.#redirect(exchange);
        return;
      }
      found = inside;
    }
    if (found.kind === "file" && !(await this.#admits(found.file.path, exchange.request))) {
      this.#close(found.file);
      this.#refused("http_unsigned");
      exchange.reply.send(403, [...this.#cors, TEXT], "Forbidden\n");
      return;
    }
    this.#answer(found, wanted, exchange);
  }

  #answer(found: Found, name: string, { request, reply, next }: Exchange): void {
    if (found.kind === "file" && reply.isOpen && !this.#isStopped) {
      this.#serve(found.file, name, request, reply);
      return;
    }
    if (found.kind === "file") {
      this.#close(found.file);
      return;
    }
    this.#open -= 1;
    if (found.kind === "busy") {
      this.#sendBusy(reply);
    } else {
      next();
    }
  }

  #sendBusy(reply: HttpReply): void {
    this.#refused("http_busy");
    reply.send(503, [...this.#cors, TEXT, ["Retry-After", "1"]], "Too many files are open\n");
  }

  /** To where relative links of the page work. The path is as it was sent: it cannot begin with two slashes. */
  #redirect({ request: { path, query }, reply }: Exchange): void {
    const location = `${path}/${query === "" ? "" : `?${query}`}`;
    reply.send(302, [...this.#cors, TEXT, ["Location", location]], "Found\n");
  }

  #serve(file: OpenedFile, name: string, request: HttpRequest, reply: HttpReply): void {
    const { sizeBytes, modifiedMs } = file;
    const tag = `"${sizeBytes.toString(16)}-${Math.floor(modifiedMs).toString(16)}"`;
    const headers: HeaderList = [
      ...this.#cors,
      ["ETag", tag],
      ["Last-Modified", new Date(modifiedMs).toUTCString()],
      ["Accept-Ranges", "bytes"],
      ["X-Content-Type-Options", "nosniff"],
    ];
    if (isKnown(request, tag, modifiedMs)) {
      this.#close(file);
      reply.send(304, headers, "");
      return;
    }
    const range = isRangeValid(request, tag, modifiedMs)
      ? decodeRange(request.header("range"), sizeBytes)
      : undefined;
    if (range === null) {
      this.#close(file);
      this.#refused("http_bad_request");
      reply.send(416, [...headers, ["Content-Range", `bytes */${sizeBytes}`]], "");
      return;
    }
    const typed: HeaderList = [...headers, ["Content-Type", contentTypeOf(name)]];
    const part = range ?? { start: 0, end: sizeBytes };
    const ranged: HeaderList =
      range === undefined
        ? typed
        : [...typed, ["Content-Range", `bytes ${part.start}-${part.end - 1}/${sizeBytes}`]];
    const status = range === undefined ? 200 : 206;
    this.#send({ file, part, isHead: request.method === "HEAD" }, status, ranged, reply);
  }

  #send(
    { file, part, isHead }: { file: OpenedFile; part: ByteRange; isHead: boolean },
    status: number,
    headers: HeaderList,
    reply: HttpReply,
  ): void {
    const length = part.end - part.start;
    if (length === 0) {
      this.#close(file);
      reply.send(status, headers, "");
      return;
    }
    const transfer = new FileTransfer(file, part, performance.now(), (one) => {
      this.#open -= 1;
      this.#transfers.delete(one);
    });
    this.#transfers.add(transfer);
    this.#sweep ??= setInterval(() => this.#closeStalled(), SWEEP_MS).unref();
    const body = reply.stream(status, [...headers, ["Content-Length", `${length}`]], transfer);
    if (isHead) {
      transfer.gone();
      body.end();
    } else {
      transfer.begin(body);
    }
  }

  #closeStalled(): void {
    const limit = performance.now() - this.#stallMs;
    for (const transfer of [...this.#transfers]) {
      if (transfer.progress < limit) {
        transfer.abort();
      }
    }
  }

  #close(file: OpenedFile): void {
    const closed = (): void => {
      this.#open -= 1;
    };
    file.handle.close().then(closed, closed);
  }
}

/** The client has it already (RFC 9110 §13). */
function isKnown(request: HttpRequest, tag: string, modifiedMs: number): boolean {
  const tags = request.header("if-none-match");
  if (tags !== "") {
    return tags.split(",").some((one) => ["*", tag].includes(one.trim().replace(/^W\//, "")));
  }
  const since = Date.parse(request.header("if-modified-since"));
  return Math.floor(modifiedMs / SECOND_MS) * SECOND_MS <= since;
}

/** The part that the client has is of the same file. */
function isRangeValid(request: HttpRequest, tag: string, modifiedMs: number): boolean {
  const condition = request.header("if-range");
  return (
    request.method === "GET" &&
    (condition === "" || condition === tag || condition === new Date(modifiedMs).toUTCString())
  );
}
