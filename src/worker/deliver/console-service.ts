/** The web console on http_server's port. Whether it is here, or at the API's own port, is the primary's to say. */
import { readdir, readFile } from "node:fs/promises";
import type { ApiAnswer, ApiQuestion } from "../../protocol/control/api.ts";
import {
  CONSOLE_PATH,
  type ConsoleFiles,
  consoleAnswer,
  isConsolePage,
  isConsolePath,
} from "../../protocol/control/console-page.ts";
import type { RefusalSink } from "../../protocol/control/refusal-counts.ts";
import type { HeaderList, HttpReply, HttpRequest } from "../io/http-backend.ts";
import type { HttpService } from "./http-service.ts";

/** What the build made. */
const FOLDER = new URL("../../console/", import.meta.url);

/** Pages that wait for the primary's word at a time. Reaction: answered with 503. */
const CALLS_MAX = 16;

/** Who says whether the console is here. */
export interface ConsoleServiceHost {
  /** null: not here. @throws ControlError */
  api(question: ApiQuestion): Promise<ApiAnswer | null>;
}

/** Serves the console's files out of memory. */
export class ConsoleService implements HttpService {
  readonly #host: ConsoleServiceHost;
  readonly #folder: URL;
  readonly #refused: RefusalSink;
  #files: Promise<ConsoleFiles> | undefined;
  #calls = 0;

  /** @param folder Another one, for tests. */
  constructor(
    host: ConsoleServiceHost,
    folder: URL = FOLDER,
    refused: RefusalSink = () => undefined,
  ) {
    this.#host = host;
    this.#folder = folder;
    this.#refused = refused;
  }

  take(request: HttpRequest, reply: HttpReply, next: () => void): void {
    const { path, method } = request;
    const isRead = method === "GET" || method === "HEAD";
    if (!isConsolePath(path) || !isRead || request.isUpgrade) {
      next();
    } else {
      void this.#answer(request, reply, next);
    }
  }

  async #answer(request: HttpRequest, reply: HttpReply, next: () => void): Promise<void> {
    const host = request.header("host");
    const place = isConsolePage(request.path) ? await this.#askPlace(request) : HERE;
    if (place === null || place.status !== HERE.status) {
      give(place, reply, next);
      return;
    }
    this.#files ??= readFiles(this.#folder);
    give(consoleAnswer(await this.#files, request.path, host), reply, next);
  }

  /** Never rejects. @returns null: there is no console. */
  async #askPlace(request: HttpRequest): Promise<ApiAnswer | null> {
    if (this.#calls >= CALLS_MAX) {
      this.#refused("http_busy");
      return BUSY;
    }
    this.#calls += 1;
    try {
      return await this.#host.api(questionOf(request));
    } catch {
      // The primary does not answer in time; it tells about that itself.
      this.#refused("http_no_answer");
      return BUSY;
    } finally {
      this.#calls -= 1;
    }
  }
}

const HERE: ApiAnswer = { status: 200, headers: {}, body: "" };
const BUSY: ApiAnswer = { status: 503, headers: { "retry-after": "1" }, body: "" };

/** Sends what there is; hands on what there is not. */
function give(
  answer: Pick<ApiAnswer, "status" | "headers" | "body"> | null,
  reply: HttpReply,
  next: () => void,
): void {
  if (answer === null) {
    next();
  } else if (reply.isOpen) {
    reply.send(answer.status, Object.entries(answer.headers) as HeaderList, answer.body);
  }
}

function questionOf(request: HttpRequest): ApiQuestion {
  const { ip, isSecure } = request;
  const headers = { host: request.header("host"), origin: "", authorization: "", fetchSite: "" };
  return { method: "GET", path: CONSOLE_PATH, query: "", headers, body: "", ip, isSecure };
}

/** A server that was built without the console has none. */
async function readFiles(folder: URL): Promise<ConsoleFiles> {
  const files = new Map<string, string>();
  const names = await readdir(folder).catch((): string[] => []);
  for (const name of names) {
    files.set(name, await readFile(new URL(name, folder), "utf8").catch(() => ""));
  }
  return files;
}
