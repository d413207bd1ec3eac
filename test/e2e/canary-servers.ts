/** An origin and an edge whose configuration, callbacks and clients hold one secret, and all that they say. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { signedQuery } from "../../src/main/tokens/signed-url.ts";
import { makeCertificate } from "../support/certificates.ts";
import type { HookServer } from "../support/hook-server.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import { type RunningServer, startWeir } from "../support/weir.ts";

/** Nothing is judged by this: it only ends a test that hangs. */
export const WAIT_MS = 20_000;
/** Stands in everything that nobody but its owner may see. */
export const SECRET = "CANARY6b2e9f";
const TOKEN_KEY: string = `${SECRET}-token-key`;
const API_PASSWORD: string = `${SECRET}-password`;
const API_TOKEN: string = `${SECRET}-bearer-token`;

/** Credentials of the origin's API. */
const BASIC: string = `Basic ${Buffer.from(`op:${API_PASSWORD}`).toString("base64")}`;
/** Credentials of the edge's API. */
const BEARER: string = `Bearer ${API_TOKEN}`;

/** Parameters that people put secrets in. */
export const PARAMETERS: string = `token=${SECRET}&key=${SECRET}&secret=${SECRET}&auth=${SECRET}&password=${SECRET}&pass=${SECRET}&pwd=${SECRET}&st=${SECRET}&txSecret=${SECRET}&jwt_=${SECRET}`;

/** A server and where it is reached. */
export interface CanaryServer {
  readonly weir: RunningServer;
  readonly directory: string;
  readonly file: string;
  /** Its configuration. */
  readonly conf: string;
  readonly ports: Ports;
  /** Answers of its API need it. */
  readonly credentials: string;
}

interface Ports {
  readonly rtmp: number;
  readonly rtmps: number;
  readonly http: number;
  readonly https: number;
  readonly api: number;
}

async function findPorts(): Promise<Ports> {
  const next = findFreePort;
  return {
    rtmp: await next(),
    rtmps: await next(),
    http: await next(),
    https: await next(),
    api: await next(),
  };
}

/** A signed query for the default vhost, with more secrets behind it. */
export function signed(action: "publish" | "play", stream: string): string {
  const expires = Math.floor(Date.now() / 1000) + 600;
  const what = { action, vhost: "__defaultVhost__", app: "live", stream, expires, ip: "" };
  return `${signedQuery(TOKEN_KEY, what)}&${PARAMETERS}`;
}

/** Starts the origin. @param broken Its shards throw when this file appears. */
export async function startOrigin(hooks: HookServer, broken: string): Promise<CanaryServer> {
  const [directory, ports] = [makeScratch(), await findPorts()];
  const { key, certificate } = makeCertificate();
  const tls = `key ${key}; cert ${certificate};`;
  const callbacks = ["on_connect", "on_publish", "on_play", "on_unpublish", "on_stop", "on_close"]
    .concat(["on_hls"])
    .map((name) => `${name} http://user:${SECRET}@127.0.0.1:${hooks.port}/${name}?key=${SECRET};`);
  const conf = `listen 127.0.0.1:${ports.rtmp}; daemon off; pid ${directory}/weir.pid;
srs_log_tank file; srs_log_file ${directory}/weir.log; srs_log_level_v2 trace;
workers 1; gateways 1; auto_reload_for_docker off;
rtmps { enabled on; listen 127.0.0.1:${ports.rtmps}; ${tls} }
http_server {
  enabled on; listen 127.0.0.1:${ports.http}; dir ${directory}/files;
  https { enabled on; listen 127.0.0.1:${ports.https}; ${tls} }
}
http_api {
  enabled on; listen 127.0.0.1:${ports.api}; raw_api { enabled on; allow_reload on; }
  auth { enabled on; username op; password ${API_PASSWORD}; }
}
vhost __defaultVhost__ {
  http_remux { enabled on; }
  hls { enabled on; hls_fragment 0.5; hls_window 3; hls_path ${directory}/files; }
  http_hooks { enabled on; hook_secret ${SECRET}-hook; hook_timeout 5; ${callbacks.join(" ")} }
  token { enabled on; secret ${TOKEN_KEY}; jwt HS256; jwt_secret ${SECRET.repeat(4)}; }
  forward 127.0.0.1:1;
}
vhost ts.test {
  http_remux { enabled on; mount [vhost]/[app]/[stream].ts; }
}
vhost aac.test {
  http_remux { enabled on; mount [vhost]/[app]/[stream].aac; }
  hls { enabled on; hls_ctx off; hls_fragment 0.5; hls_window 3; hls_path ${directory}/more; }
}
vhost mp3.test { http_remux { enabled on; mount [vhost]/[app]/[stream].mp3; } }
`;
  const preload = new URL("../support/break-shard.js", import.meta.url);
  preload.searchParams.set("file", broken);
  return await start({ directory, ports, conf, credentials: BASIC, preload });
}

/** Starts an edge of it. */
export async function startEdge(origin: CanaryServer): Promise<CanaryServer> {
  const [directory, ports] = [makeScratch(), await findPorts()];
  const { rtmp, http } = origin.ports;
  const waits = "origin_wait 500; publish_hold 300;";
  const conf = `listen 127.0.0.1:${ports.rtmp}; daemon off; pid ${directory}/weir.pid;
srs_log_tank console; srs_log_level_v2 trace; workers 1; gateways 1; http_backend node;
http_server { enabled on; listen 127.0.0.1:${ports.http}; }
http_api {
  enabled on; listen 127.0.0.1:${ports.api}; raw_api { enabled on; }
  auth { enabled on; type bearer; token ${API_TOKEN}; }
}
vhost __defaultVhost__ {
  http_remux { enabled on; }
  cluster { mode remote; origin 127.0.0.1:${rtmp}; token_traverse on; ${waits} }
}
vhost flv.test {
  http_remux { enabled on; }
  cluster { mode remote; origin 127.0.0.1:${http}; protocol flv; vhost __defaultVhost__; ${waits} }
}
`;
  return await start({ directory, ports, conf, credentials: BEARER });
}

async function start({
  preload,
  ...place
}: Omit<CanaryServer, "weir" | "file"> & { readonly preload?: URL }): Promise<CanaryServer> {
  const { directory, ports, conf } = place;
  const file = join(directory, "weir.conf");
  const port = ports.rtmp;
  const weir = await startWeir({ conf, file, port, ...(preload === undefined ? {} : { preload }) });
  for (const one of [ports.http, ports.api]) {
    await waitUntil(`${one} listens`, () => isListening(one), WAIT_MS);
  }
  return { ...place, weir, file };
}

/** Writes another configuration for a reload. */
export function rewrite({ file }: CanaryServer, conf: string): void {
  writeFileSync(file, conf);
}

/** What was said, by where it was heard. */
export class Heard {
  readonly #texts: (readonly [where: string, text: string])[] = [];

  add(where: string, text: string): void {
    this.#texts.push([where, text]);
  }

  /** All of an answer but its media. */
  async addAnswer(where: string, answer: Response): Promise<number> {
    const head = JSON.stringify([...answer.headers]);
    this.add(where, `${answer.status} ${head}\n${await answer.text()}`);
    return answer.status;
  }

  /** What a server printed, and every file that it wrote. */
  addServer(name: string, { weir, directory }: CanaryServer): void {
    this.add(`${name}: standard output`, weir.process.stdout);
    this.add(`${name}: standard error`, weir.process.stderr);
    for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      this.add(`${name}: a file's name`, path);
      if (entry.isFile() && entry.name !== "weir.conf") {
        this.add(`${name}: ${path}`, readFileSync(path, "latin1"));
      }
    }
  }

  get count(): number {
    return this.#texts.length;
  }

  /** Text of one place. */
  of(where: string): string {
    return this.#texts.flatMap(([place, text]) => (place === where ? [text] : [])).join("\n");
  }

  /** Where the secret is found, in any of its forms, with what stands around it. */
  leaks(more: readonly string[]): string[] {
    const forms = [SECRET, ...more, ...encodings(SECRET), BASIC.slice("Basic ".length)];
    return this.#texts.flatMap(([where, text]) =>
      forms.flatMap((form) => {
        const at = text.indexOf(form);
        return at < 0 ? [] : [`${where}: ${text.slice(Math.max(0, at - 120), at + 60)}`];
      }),
    );
  }
}

/** What remains of it inside of base64, wherever it begins, and in hexadecimal digits. */
function encodings(secret: string): string[] {
  const inner = [0, 1, 2].map((shift) => {
    const text = Buffer.from(`${"x".repeat(shift)}${secret}`).toString("base64");
    return text.replace(/=*$/, "").slice(shift === 0 ? 0 : 4, -2);
  });
  return [...inner, Buffer.from(secret).toString("hex")];
}
