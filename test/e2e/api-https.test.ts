/** The API over TLS on a port of its own, and a certificate that changes under it. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { get } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import type { TLSSocket } from "node:tls";
import { startApi } from "../support/api.ts";
import { type CertificateFiles, makeCertificate } from "../support/certificates.ts";
import { runCommand } from "../support/process.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import { makeWeirConf, WEIR } from "../support/weir.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;

/** The name in the certificate, and the answer. */
function ask(port: number, path: string): Promise<{ name: string; text: string }> {
  return new Promise((resolve, reject) => {
    const url = `https://127.0.0.1:${port}${path}`;
    get(url, { agent: false, rejectUnauthorized: false }, (answer) => {
      const { CN: name = "" } = (answer.socket as TLSSocket).getPeerCertificate().subject;
      let text = "";
      answer.on("data", (part) => {
        text += String(part);
      });
      answer.on("end", () => resolve({ name: [name].flat().join(), text }));
    }).on("error", reject);
  });
}

test("a certificate is renewed by a reload; a wrong one changes nothing", LIMIT, async () => {
  const directory = makeScratch();
  const file = join(directory, "weir.conf");
  const port = await findFreePort();
  const block = ({ key, certificate }: CertificateFiles): string =>
    `https { enabled on; listen 127.0.0.1:${port}; key ${key}; cert ${certificate}; }
     raw_api { enabled on; allow_reload on; }`;
  const [first, second] = [makeCertificate({ name: "first" }), makeCertificate({ name: "second" })];
  const directives = "auto_reload_for_docker off;";
  const weir = await startApi({ file, directives, httpApi: block(first) });
  const { port: plainPort } = new URL(weir.api);
  const conf = (files: CertificateFiles): string =>
    makeWeirConf(directory, weir.port, {
      directives: `${directives} http_api { enabled on; listen 127.0.0.1:${plainPort}; ${block(files)} }`,
    });
  try {
    await waitUntil("HTTPS listens", () => isListening(port), WAIT_MS);
    const versions = await ask(port, "/api/v1/versions");
    assert.equal(versions.name, "first");
    assert.equal(JSON.parse(versions.text).code, 0);
    writeFileSync(file, conf(second));
    assert.equal((await weir.get("/api/v1/raw?rpc=reload")).code, 0);
    assert.equal((await ask(port, "/api/v1/versions")).name, "second");
    writeFileSync(file, conf({ key: first.key, certificate: second.certificate }));
    const wrong = await weir.get("/api/v1/raw?rpc=reload");
    assert.equal(wrong.code, 1060);
    assert.match(wrong.data.msg, /weir\.conf:\d+:\d+: key .* does not belong/);
    assert.equal((await ask(port, "/api/v1/versions")).name, "second");
    const plain = connect(port, "127.0.0.1").on("error", () => undefined);
    plain.write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    await waitUntil("who speaks no TLS is closed", () => plain.destroyed, WAIT_MS);
    const silent = connect(port, "127.0.0.1")
      .on("error", () => undefined)
      .resume();
    await waitUntil("who says nothing is closed", () => silent.destroyed, WAIT_MS);
  } finally {
    await weir.stop();
  }
});

test("a start without its certificate says which file is missing", LIMIT, async () => {
  const directory = makeScratch();
  const [port, api, secure] = await Promise.all([1, 2, 3].map(findFreePort));
  const https = `https { enabled on; listen 127.0.0.1:${secure}; key /nowhere.key; cert /nowhere.crt; }`;
  const directives = `http_api { enabled on; listen 127.0.0.1:${api}; ${https} }`;
  const file = join(directory, "weir.conf");
  writeFileSync(file, makeWeirConf(directory, port ?? 0, { directives }));
  const { code, stdout, stderr } = await runCommand(WEIR, ["-c", file], {
    cwd: directory,
    timeoutMs: WAIT_MS,
  });
  assert.equal(code, 1);
  assert.match(stdout + stderr, /key \/nowhere\.key cannot be read/);
});
