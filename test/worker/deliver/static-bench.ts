/** A directory of files, and a server of it on either library. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { type IncomingHttpHeaders, request } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import type { StaticMount } from "../../../src/protocol/control/calls.ts";
import { corsHeaders, HttpServices } from "../../../src/worker/deliver/http-services.ts";
import { StaticFiles } from "../../../src/worker/deliver/static-files.ts";
import type { HttpBackend, HttpHandler } from "../../../src/worker/io/http-backend.ts";
import { HttpBackendNode } from "../../../src/worker/io/http-backend-node.ts";
import { HttpBackendUws, loadUws } from "../../../src/worker/io/http-backend-uws.ts";
import { makeScratch } from "../../support/scratch.ts";

/** Size of `large.bin`. */
export const LARGE_BYTES: number = 48 * 1024 * 1024;

/** What was answered. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What the directory and its surroundings lie in. */
export const top: string = makeScratch();
/** The directory. */
export const root: string = join(top, "root");
/** Another one. */
export const other: string = join(top, "other");
const modified = new Date("2024-05-06T07:08:09.500Z");

mkdirSync(join(root, "folder/deep"), { recursive: true });
mkdirSync(join(root, "bare"), { recursive: true });
mkdirSync(join(root, ".well-known"), { recursive: true });
mkdirSync(join(root, ".git"), { recursive: true });
mkdirSync(other, { recursive: true });
const files: Readonly<Record<string, string>> = {
  "root/index.html": "<p>root</p>",
  "root/digits.txt": "0123456789",
  "root/empty.txt": "",
  "root/folder/index.html": "<p>folder</p>",
  "root/folder/deep/a b%41.js": "1",
  "root/bare/inner.txt": "inner",
  "root/.well-known/token": "well known",
  "root/.git/config": "secret",
  "root/.env": "secret",
  "root/video.flv": "FLV",
  "other/there.txt": "there",
  "secret.txt": "secret",
};
for (const [name, text] of Object.entries(files)) {
  writeFileSync(join(top, name), text);
}
utimesSync(join(root, "digits.txt"), modified, modified);
/** Content of `large.bin`. */
export const large: Buffer = Buffer.alloc(LARGE_BYTES);
for (let at = 0; at < LARGE_BYTES; at += 4) {
  large.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at);
}
writeFileSync(join(root, "large.bin"), large);
symlinkSync("digits.txt", join(root, "inside.txt"));
symlinkSync("../secret.txt", join(root, "escape.txt"));
symlinkSync("/etc", join(root, "etc"));
symlinkSync("loop", join(root, "loop"));
symlinkSync(root, join(top, "link-to-root"));
execFileSync("mkfifo", [join(root, "pipe")]);

/** The directory for everybody, the other one below `more/` of a host. */
export const MOUNTS: readonly StaticMount[] = [
  { host: "", path: "", dir: join(top, "link-to-root") },
  { host: "v.example", path: "more/", dir: other },
];

/** Descriptors of files below the test's directory. */
export function openFiles(): number {
  const names = readdirSync("/proc/self/fd").map((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`);
    } catch {
      return "";
    }
  });
  return names.filter((name) => name.startsWith(top)).length;
}

async function open(name: string, handler: HttpHandler): Promise<HttpBackend> {
  if (name === "node") {
    return new HttpBackendNode(handler);
  }
  const library = await loadUws();
  assert.ok(library !== null, "uWebSockets.js does not load");
  return new HttpBackendUws(library, handler);
}

/** A server of files on a free port. */
export class StaticBench {
  readonly service: StaticFiles;
  readonly port: number;
  readonly #backend: HttpBackend;

  private constructor(service: StaticFiles, backend: HttpBackend, port: number) {
    this.service = service;
    this.#backend = backend;
    this.port = port;
  }

  static async start(library: string, stallMs: number): Promise<StaticBench> {
    const cors = corsHeaders(true);
    const service = new StaticFiles(MOUNTS, cors, stallMs);
    const services = new HttpServices([service], cors);
    const backend = await open(library, (asked, reply) => services.take(asked, reply));
    const port = await backend.listen({ host: "127.0.0.1", port: 0, descriptor: null, tls: null });
    return new StaticBench(service, backend, port);
  }

  close(): void {
    this.service.stop();
    this.#backend.close();
  }

  ask(
    path: string,
    headers: Readonly<Record<string, string>> = {},
    method = "GET",
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { port } = this;
      const options = { host: "127.0.0.1", port, path, method, headers, agent: false };
      request(options, (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("error", reject);
        response.on("end", () => {
          const { statusCode: status = 0, headers: answered } = response;
          resolve({ status, headers: answered, body: Buffer.concat(parts) });
        });
      })
        .on("error", reject)
        .end();
    });
  }

  /** A connection that has asked for a path, as it is written. */
  begin(path: string, more = ""): Socket {
    const socket = connect({ host: "127.0.0.1", port: this.port });
    socket.on("error", () => undefined);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: h\r\n${more}\r\n`);
    return socket;
  }
}
