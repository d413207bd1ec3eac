/** The web console on the API's port; on http_server's port gateways serve it. */
import { readdir, readFile } from "node:fs/promises";
import type { Config } from "../../protocol/conf/config.ts";
import { isLoopback } from "../../protocol/conf/endpoint.ts";
import type { ApiAnswer, ApiQuestion } from "../../protocol/control/api.ts";
import {
  CONSOLE_PATH,
  type ConsoleFiles,
  consoleAnswer,
} from "../../protocol/control/console-page.ts";
import { parseUrl } from "../parse-url.ts";

/** What the build made. */
const FOLDER = new URL("../../console/", import.meta.url);
const LOOPBACK_NAME = /^(localhost|127\.[\d.]+|\[::1\])(:\d+)?$/i;

/** Answers on the API's port, out of memory. */
export class ConsoleAnswers {
  #files: Promise<ConsoleFiles> | undefined;

  /** Never rejects. */
  async answer({ path, method, headers }: ApiQuestion): Promise<ApiAnswer> {
    if (method !== "GET" && method !== "HEAD") {
      return { status: 405, headers: { allow: "GET, HEAD" }, body: "" };
    }
    this.#files ??= readFiles();
    const answer = consoleAnswer(await this.#files, path, headers.host);
    if (answer === null) {
      return { status: 404, headers: { "content-type": "text/plain" }, body: "Not found\n" };
    }
    return method === "HEAD" ? { ...answer, body: "" } : answer;
  }
}

/**
 * What http_server's port says of the console where the API has a port of its own.
 * @returns the way there, or null where there is none for whoever asks.
 */
export function wayToConsole(
  { httpApi }: Config,
  { headers, isSecure }: ApiQuestion,
): ApiAnswer | null {
  const { host } = headers;
  const isNear = LOOPBACK_NAME.test(host);
  // Who came over TLS is not to show credentials in the clear where there is another way.
  const isOverTls = isSecure && httpApi.https.enabled;
  const listen = isOverTls ? httpApi.https.listen : httpApi.listen;
  const reached = listen.find((endpoint) => isNear || !isLoopback(endpoint));
  if (!httpApi.enabled || reached === undefined || host === "") {
    return null;
  }
  const scheme = isOverTls ? "https" : "http";
  const location = `${scheme}://${host.replace(/:\d+$/, "")}:${reached.port}${CONSOLE_PATH}/`;
  return parseUrl(location) === undefined ? null : { status: 302, headers: { location }, body: "" };
}

/** A server that was built without the console has none. */
async function readFiles(): Promise<ConsoleFiles> {
  const files = new Map<string, string>();
  for (const name of await readdir(FOLDER).catch((): string[] => [])) {
    files.set(name, await readFile(new URL(name, FOLDER), "utf8").catch(() => ""));
  }
  return files;
}
