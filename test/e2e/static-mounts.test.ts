/** Files by a whole server: the directory of http_server, those of vhosts, and what a reload changes. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  type InProcess,
  type InProcessOptions,
  startInProcess,
} from "../main/accept/in-process.ts";
import { findFreePort, makeScratch, waitUntil } from "../support/scratch.ts";

const LIMIT = { timeout: 30_000 };
const WAIT_MS = 15_000;
const top = makeScratch();
let weir: InProcess;
let http: number;

for (const name of ["main", "all", "own", "later"]) {
  mkdirSync(join(top, name));
  writeFileSync(join(top, name, "name.txt"), name);
}

function options(statics: string, more = ""): InProcessOptions {
  return {
    workers: 1,
    directives: `gateways 2; http_server { enabled on; listen 127.0.0.1:${http}; dir ${join(top, "main")}; } ${more}`,
    vhost: `http_remux { enabled on; } ${statics}`,
  };
}

/** Body of an answer, or its status when it is no success. */
function ask(path: string, host = "any"): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port: http, path, headers: { host }, agent: false }, (response) => {
      let text = "";
      response.on("data", (part: Buffer) => {
        text += part.toString();
      });
      response.on("end", () =>
        resolve(response.statusCode === 200 ? text : `${response.statusCode}`),
      );
    }).on("error", reject);
  });
}

const own = `vhost own.example { http_static { enabled on; mount [vhost]/files; dir ${join(top, "own")}; } }`;

before(async () => {
  http = await findFreePort();
  weir = await startInProcess(options("", own));
});

after(() => weir?.close());

test(
  "http_server.dir serves what nothing else does; a vhost's mount is its own",
  LIMIT,
  async () => {
    assert.equal(await ask("/name.txt"), "main");
    assert.equal(await ask("/name.txt", "own.example"), "main");
    assert.equal(await ask("/files/name.txt", "own.example"), "own");
    assert.equal(await ask("/files/name.txt"), "404");
    assert.equal(await ask("/nothing"), "404");
  },
);

test(
  "a reload changes mounts; the default vhost's at the root takes the place of dir",
  LIMIT,
  async () => {
    const mount = (dir: string, path: string): string =>
      `http_static { enabled on; mount [vhost]${path}; dir ${join(top, dir)}; }`;
    assert.equal((await weir.reload(options(mount("all", "/"), own))).error, undefined);
    const answers = async (path: string): Promise<string> =>
      (await Promise.all([1, 2, 3, 4, 5, 6].map(() => ask(path)))).join(" ");
    const each = (text: string): string => new Array(6).fill(text).join(" ");
    await waitUntil("all", async () => (await answers("/name.txt")) === each("all"), WAIT_MS);
    assert.equal((await weir.reload(options(mount("later", "/hls")))).error, undefined);
    await waitUntil(
      "later",
      async () => (await answers("/hls/name.txt")) === each("later"),
      WAIT_MS,
    );
    await waitUntil(
      "main again",
      async () => (await answers("/name.txt")) === each("main"),
      WAIT_MS,
    );
    assert.equal(await ask("/files/name.txt", "own.example"), "404");
  },
);
