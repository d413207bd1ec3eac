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
import type { HeaderList, HttpReply, HttpRequest } from "../io/http-backend.ts";
import type { HttpService } from "./http-service.ts";

/** What the build made. */
const FOLDER = new URL("../../console/", import.meta.url);

/** Who says whether the console is here. */
export interface ConsoleServiceHost {
  /** null: not here. @throws ControlError */
  api(question: ApiQuestion): Promise<ApiAnswer | null>;
}

/** Serves the console's files out of memory. */
export class ConsoleService implements HttpService {
  readonly #host: ConsoleServiceHost;
  readonly #folder: URL;
  #files: Promise<ConsoleFiles> | undefined;

  /** @param folder Another one, for tests. */
  constructor(host: ConsoleServiceHost, folder: URL = FOLDER) {
    this.#host = host;
    this.#folder = folder;
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
    try {
      if (isConsolePage(request.path)) {
        const place = await this.#host.api(questionOf(host, request.ip));
        if (place === null || place.status !== 200) {
          decline(place, reply, next);
          return;
        }
      }
      this.#files ??= readFiles(this.#folder);
      decline(consoleAnswer(await this.#files, request.path, host), reply, next);
    } catch {
      // The primary does not answer in time; it tells about that itself.
      if (reply.isOpen) {
        reply.send(503, [["Retry-After", "1"]], "");
      }
    }
  }
}

/** Sends what there is; hands on what there is not. */
function decline(
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

function questionOf(host: string, ip: string): ApiQuestion {
  const headers = { host, origin: "", authorization: "" };
  return { method: "GET", path: CONSOLE_PATH, query: "", headers, body: "", ip };
}

/** A server that was built without the console has none. */
async function readFiles(folder: URL): Promise<ConsoleFiles> {
  const files = new Map<string, string>();
  const names = await readdir(folder).catch((): string[] => []);
  for (const name of names) {
    files.set(name, await readFile(new URL(name, folder), "utf8"));
  }
  return files;
}
