/** Chromium for tests, and pages for it out of small sources: bundled when a test starts, served on the loopback. */
import { mkdirSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { type Browser, chromium, type Page } from "playwright-core";
import { REPOSITORY } from "./weir.ts";

/** Debian's: it decodes H.264 and AAC, which Chromium's own builds do not. */
const CHROMIUM = "/usr/bin/chromium";
const ARGUMENTS = [
  // Tests also run as root, in containers without user namespaces.
  "--no-sandbox",
  "--disable-dev-shm-usage",
  "--disable-gpu",
  "--autoplay-policy=no-user-gesture-required",
  "--mute-audio",
];
const START_TIMEOUT_MS = 60_000;

/** Starts it; the test closes it. @param more Further arguments. */
export function startChromium(more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [...ARGUMENTS, ...more],
    timeout: START_TIMEOUT_MS,
  });
}

/** A page that is served. */
export interface ServedPage {
  readonly url: string;
  close(): void;
}

/** Bundles a script of the repository and serves a page around it, from an origin of its own. */
export async function servePage(script: string, body: string): Promise<ServedPage> {
  const { outputFiles } = await build({
    entryPoints: [join(REPOSITORY, script)],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    logLevel: "silent",
  });
  const [bundle] = outputFiles;
  const html = `<!doctype html><meta charset="utf-8"><title>weir</title>${body}<script type="module" src="/page.js"></script>`;
  const server = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    answer(response, isScript ? "text/javascript" : "text/html", isScript ? bundle?.text : html);
  });
  await listen(server);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function answer(response: ServerResponse, type: string, body: string | undefined): void {
  response.writeHead(200, { "content-type": `${type}; charset=utf-8` });
  response.end(body);
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve());
  });
}

/** Pictures for whoever wants to look: a folder that stays. @returns the picture's path. */
export async function takePicture(page: Page, name: string): Promise<string> {
  const directory = join(tmpdir(), "weir-pictures");
  mkdirSync(directory, { recursive: true });
  const path = join(directory, `${name}.png`);
  await page.screenshot({ path });
  return path;
}
