/** HTTPS-FLV and secure WebSockets on both libraries, and certificates that change under viewers. */
import assert from "node:assert/strict";
import { copyFileSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { get } from "node:https";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect } from "node:tls";
import { WebSocket } from "ws";
import {
  type InProcess,
  type InProcessOptions,
  startInProcess,
} from "../main/accept/in-process.ts";
import { publish, StampedPublisher } from "../main/accept/wire-client.ts";
import { type CertificateFiles, makeCertificate } from "../support/certificates.ts";
import { startProcess } from "../support/process.ts";
import { findFreePort, makeScratch, waitUntil } from "../support/scratch.ts";
import { WEIR } from "../support/weir.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;

/** A viewer of one kind that counts. */
interface Viewer {
  bytes(): number;
  isOver(): boolean;
  close(): void;
}

function watchHttps(port: number, name: string): Viewer {
  let [bytes, isOver] = [0, false];
  const over = (): void => {
    isOver = true;
  };
  const url = `https://127.0.0.1:${port}/live/${name}.flv`;
  const request = get(url, { agent: false, rejectUnauthorized: false }, (response) => {
    assert.equal(response.headers["content-type"], "video/x-flv");
    response.on("data", (part: Buffer) => {
      bytes += part.length;
    });
    response.on("error", over).on("close", over);
  }).on("error", over);
  return { bytes: () => bytes, isOver: () => isOver, close: () => request.destroy() };
}

function watchSocket(port: number, name: string): Viewer {
  let [bytes, isOver] = [0, false];
  const over = (): void => {
    isOver = true;
  };
  const url = `wss://127.0.0.1:${port}/live/${name}.flv`;
  const socket = new WebSocket(url, { rejectUnauthorized: false });
  socket.on("message", (part: Buffer) => {
    bytes += part.length;
  });
  socket.on("close", over).on("error", over);
  return { bytes: () => bytes, isOver: () => isOver, close: () => socket.terminate() };
}

async function certificateName(port: number): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  await new Promise((resolve, reject) => socket.on("secureConnect", resolve).on("error", reject));
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

for (const backend of ["uws", "node"]) {
  describe(`on ${backend}`, () => {
    let weir: InProcess;
    let http: number;
    let https: number;
    let files: CertificateFiles;
    let publisher: StampedPublisher;

    const options = (): InProcessOptions => {
      const tls = `https { enabled on; listen 127.0.0.1:${https}; key ${files.key}; cert ${files.certificate}; }`;
      return {
        workers: 1,
        directives: `http_backend ${backend}; gateways 2; http_server { enabled on; listen 127.0.0.1:${http}; ${tls} }`,
        vhost: "http_remux { enabled on; }",
        limits: { watchMs: 50, crashesMax: 1000 },
      };
    };

    /** Every gateway serves with it: each gets its share of these connections. */
    async function waitCertificate(name: string): Promise<void> {
      await waitUntil(
        `certificate ${name}`,
        async () => {
          const names = await Promise.all(
            Array.from({ length: 12 }, () => certificateName(https).catch(String)),
          );
          return names.every((one) => one === name);
        },
        WAIT_MS,
      );
    }

    before(async () => {
      http = await findFreePort();
      https = await findFreePort();
      files = makeCertificate({ name: "first" });
      weir = await startInProcess(options());
      publisher = new StampedPublisher(await publish(weir.port, "a"));
    });

    after(async () => {
      publisher?.close();
      await weir?.close();
    });

    test("E-90 HTTPS-FLV and WSS on the paths of HTTP, from TLS 1.2 on", LIMIT, async () => {
      const viewers = [watchHttps(https, "a"), watchSocket(https, "a")];
      await waitUntil("all watch", () => viewers.every((one) => one.bytes() > 10_000), WAIT_MS);
      viewers.forEach((viewer) => {
        viewer.close();
      });
      await waitUntil("they are gone", () => weir.server.clients.size === 1, WAIT_MS);
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        const wanted = { agent: false, rejectUnauthorized: false } as const;
        get(`https://127.0.0.1:${https}/nothing/here`, wanted, resolve).on("error", reject);
      });
      assert.equal(answer.resume().statusCode, 404);
      const old = connect({
        host: "127.0.0.1",
        port: https,
        rejectUnauthorized: false,
        minVersion: "TLSv1",
        maxVersion: "TLSv1.1",
        ciphers: "ALL@SECLEVEL=0",
      });
      const refusal = await new Promise<Error>((resolve) => old.on("error", resolve));
      assert.match(refusal.message, /protocol version|unsupported|EPROTO|ECONNRESET|disconnected/i);
    });

    test("a new certificate drops no viewer; a bad one changes nothing", LIMIT, async () => {
      const viewers = Array.from({ length: 20 }, (_, index) =>
        index % 2 === 0 ? watchHttps(https, "a") : watchSocket(https, "a"),
      );
      const goOn = async (): Promise<void> => {
        const seen = viewers.map((one) => one.bytes());
        await waitUntil(
          "all go on",
          () => viewers.every((one, index) => one.bytes() > (seen[index] ?? 0) + 3000),
          WAIT_MS,
        );
        assert.ok(
          viewers.every((one) => !one.isOver()),
          "none was dropped",
        );
      };
      await goOn();
      await waitCertificate("first");

      const second = makeCertificate({ name: "second", kind: "rsa" });
      copyFileSync(second.key, files.key);
      assert.match((await weir.reload(options())).error?.message ?? "", /does not belong/);
      await waitCertificate("first");
      copyFileSync(second.certificate, files.certificate);
      assert.equal((await weir.reload(options())).error, undefined);
      await waitCertificate("second");
      await goOn();

      files = makeCertificate({ name: "third" });
      assert.equal((await weir.reload(options())).error, undefined);
      await waitCertificate("third");
      await goOn();
      const late = watchSocket(https, "a");
      await waitUntil("newcomers watch", () => late.bytes() > 3000, WAIT_MS);

      writeFileSync(files.certificate, "spoilt");
      assert.match((await weir.reload(options())).error?.message ?? "", /holds no certificate/);
      await waitCertificate("third");
      await goOn();
      for (const viewer of [...viewers, late]) {
        viewer.close();
      }
      await waitUntil("they are gone", () => weir.server.clients.size === 1, WAIT_MS);
    });

    test(
      "a gateway that is replaced serves with what is in force, not with spoilt files",
      LIMIT,
      async () => {
        writeFileSync(files.certificate, "spoilt");
        const broken = weir.server.supervisor.links[1];
        void broken?.fault("throw").catch(() => undefined);
        await waitUntil(
          "another one runs",
          () => {
            const link = weir.server.supervisor.links[1];
            return link !== broken && link?.isAlive === true;
          },
          WAIT_MS,
        );
        await waitCertificate("third");
      },
    );

    test("ends in order while viewers are there from before the last renewal", LIMIT, async () => {
      files = makeCertificate({ name: "fourth" });
      assert.equal((await weir.reload(options())).error, undefined);
      await waitCertificate("fourth");
      const viewers = [watchHttps(https, "a"), watchSocket(https, "a")];
      await waitUntil("all watch", () => viewers.every((one) => one.bytes() > 3000), WAIT_MS);
      files = makeCertificate({ name: "fifth" });
      assert.equal((await weir.reload(options())).error, undefined);
      await waitCertificate("fifth");
      await weir.close();
      await waitUntil("all are let go", () => viewers.every((one) => one.isOver()), WAIT_MS);
      assert.doesNotMatch(weir.log(), /\[ERROR\].*hangs/);
    });
  });
}

test(
  "a certificate that cannot be used: told with its place, no thread starts, exit code 1",
  LIMIT,
  async () => {
    const good = makeCertificate();
    const other = makeCertificate({ name: "other" });
    for (const [block, line, text] of [
      [
        `https {\n enabled on;\n key ${other.key};\n cert ${good.certificate};\n }`,
        5,
        /does not belong/,
      ],
      ["https {\n enabled on;\n cert /nowhere;\n }", 0, /ENOENT/],
    ] as const) {
      const directory = makeScratch();
      const conf = `listen 127.0.0.1:${await findFreePort()};\nhttp_server { enabled on; listen 127.0.0.1:${await findFreePort()};\n${block}\n}\npid ${join(directory, "p")};\nsrs_log_tank console;\nvhost __defaultVhost__ {}\n`;
      const file = join(directory, "weir.conf");
      writeFileSync(file, conf);
      const weir = startProcess(WEIR, ["-c", file], { cwd: directory });
      const { code, stdout, stderr } = await weir.waitEnd(20_000);
      const said = stdout + stderr;
      assert.equal(code, 1, said);
      assert.match(said, text);
      assert.match(said, /ERR_CONF_TLS/);
      assert.match(said, line > 0 ? new RegExp(`weir\\.conf:${line}:\\d+: key`) : /weir\.conf:\d+/);
      assert.doesNotMatch(said, /shards/);
    }
  },
);
