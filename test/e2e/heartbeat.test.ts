/** A heartbeat is what SRS's is, comes once a period, and a server that does not answer is told of once. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { SUMMARIES } from "../../src/main/admin/shapes.ts";
import { faultsOf, fieldsOf } from "../support/api.ts";
import { HookServer } from "../support/hook-server.ts";
import { findFreePort, makeScratch, waitUntil } from "../support/scratch.ts";
import { makeWeirConf, type RunningServer, startWeir } from "../support/weir.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;
const SECRET = "canary";

interface Beat {
  readonly ip: string;
  readonly service: string;
  readonly summaries: { readonly data: object };
}

let told: HookServer;
let weir: RunningServer;
let file: string;
let ports: readonly number[];

function conf(heartbeat: string): string {
  const [port = 0, http = 0, api = 0] = ports;
  return makeWeirConf(makeScratch(), port, {
    directives: [
      `http_server { enabled on; listen 127.0.0.1:${http}; }`,
      `http_api { enabled on; listen 127.0.0.1:${api}; }`,
      "server_id vid-of-test; auto_reload_for_docker off;",
      `heartbeat { enabled on; url ${told.url("beat")}?token=${SECRET}; ${heartbeat} }`,
    ].join("\n"),
  });
}

/** Goes over to another configuration. */
async function reload(heartbeat: string): Promise<void> {
  const before = weir.log().split("reload").length;
  writeFileSync(file, conf(heartbeat));
  process.kill(weir.pid, "SIGHUP");
  await waitUntil("it is reloaded", () => weir.log().split("reload").length > before, WAIT_MS);
}

before(async () => {
  told = await HookServer.start();
  ports = await Promise.all([findFreePort(), findFreePort(), findFreePort()]);
  file = join(makeScratch(), "weir.conf");
  writeFileSync(file, conf("interval 0.3; device_id cam-7; summaries on; ports on;"));
  const text = readFileSync(file, "utf8");
  weir = await startWeir({ port: ports[0] ?? 0, conf: text, file });
});

after(async () => {
  await weir?.stop();
  await told?.close();
});

test("it tells who and where this server is", LIMIT, async () => {
  await waitUntil("it comes", () => told.notes.length > 0, WAIT_MS);
  const [{ method, url, fields, headers } = assert.fail()] = told.notes;
  assert.deepEqual(
    [method, url, headers["content-type"]],
    ["POST", `/beat?token=${SECRET}`, "application/json"],
  );
  const names = "device_id ip server service pid summaries rtmp http api".split(" ");
  assert.deepEqual(Object.keys(fields), names);
  const [rtmp, http, api] = ports.map((port) => [`127.0.0.1:${port}`]);
  assert.deepEqual(
    ["device_id", "server", "pid", "rtmp", "http", "api"].map((name) => fields[name]),
    ["cam-7", "vid-of-test", String(weir.pid), rtmp, http, api],
  );
  const { ip, service, summaries } = fields as unknown as Beat;
  assert.match(ip, /^\d+\.\d+\.\d+\.\d+$/);
  assert.match(service, /^vid-/);
  const { data } = summaries;
  assert.deepEqual(faultsOf(data, SUMMARIES), []);
  assert.ok(fieldsOf(data).includes("system.ilde_time"));
});

test("it comes once a period, and none beside another", LIMIT, async () => {
  const from = told.notes.length;
  await waitUntil("six more come", () => told.notes.length >= from + 6, WAIT_MS);
  const times = told.notes.slice(from).map(({ at }) => at);
  const mean = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / (times.length - 1);
  assert.ok(mean >= 150, `${mean} ms`);
  assert.equal(told.openMost, 1);
});

test(
  "one that is not answered is told of once, without its key, and so is that it is",
  LIMIT,
  async () => {
    told.answers.set("beat", "code 1");
    const warned = (): number => weir.log().split("ERR_HEARTBEAT").length - 1;
    await waitUntil("it is told", () => warned() > 0, WAIT_MS);
    const from = told.notes.length;
    await waitUntil("more come", () => told.notes.length >= from + 3, WAIT_MS);
    assert.equal(warned(), 1);
    told.answers.delete("beat");
    const url = `${told.url("beat")}?…`;
    await waitUntil("it works", () => weir.log().includes(`${url} answers`), WAIT_MS);
    assert.ok(weir.log().includes(`${url}: code 1`));
    assert.ok(!weir.log().includes(SECRET));
  },
);

test("a reload changes what is told, and ends it", LIMIT, async () => {
  await reload("interval 0.2;");
  const isShort = (): boolean => Object.keys(told.notes.at(-1)?.fields ?? {}).length === 5;
  await waitUntil("the short form comes", isShort, WAIT_MS);
  assert.deepEqual(
    Object.keys(told.notes.at(-1)?.fields ?? {}),
    "device_id ip server service pid".split(" "),
  );
  writeFileSync(file, conf("").replace("heartbeat { enabled on;", "heartbeat { enabled off;"));
  process.kill(weir.pid, "SIGHUP");
  let seen = -1;
  await waitUntil(
    "no more come",
    async () => {
      const before = seen;
      seen = told.notes.length;
      await new Promise((resolve) => setTimeout(resolve, 600));
      return before === told.notes.length;
    },
    WAIT_MS,
  );
});
