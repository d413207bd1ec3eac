/** WebSockets that are opened after their answer had to wait stay open, and nothing else is taken for one. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { HttpBackendUws, loadUws } from "../../../src/worker/io/http-backend-uws.ts";
import { runChecked } from "../../support/process.ts";

const STORM = fileURLToPath(new URL("upgrade-storm.js", import.meta.url));
const KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

test("a WebSocket is closed by nobody, whatever the memory that it gave back holds", {
  timeout: 60_000,
}, async () => {
  // The C library fills memory that is given back with this: what is read of it shows. 16 is the bit by which
  // uWebSockets.js marks responses that are to be closed.
  const command = ["MALLOC_PERTURB_=16", process.execPath, STORM];
  const { stdout, stderr } = await runChecked("env", command, { timeoutMs: 50_000 });
  const { opened, closed } = JSON.parse(stdout);
  assert.equal(opened, 1000);
  assert.equal(closed, 0);
  assert.equal(stderr.includes("cork"), false, stderr.slice(0, 300));
});

describe("an upgrade that is none", () => {
  let backend: HttpBackendUws;
  let port: number;
  let asked = 0;

  before(async () => {
    const library = await loadUws();
    assert.ok(library !== null, "uWebSockets.js does not load");
    backend = new HttpBackendUws(library, (_asked, reply) => {
      asked += 1;
      reply.send(404, [], "");
    });
    port = await backend.listen({ host: "127.0.0.1", port: 0, descriptor: null, tls: null });
  });

  after(() => backend?.close());

  function statusOf(...headers: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const client = connect(port, "127.0.0.1", () =>
        client.write(`GET / HTTP/1.1\r\nHost: a\r\n${[...headers, KEY].join("\r\n")}\r\n\r\n`),
      );
      client.once("data", (bytes) => {
        resolve(bytes.toString("latin1").split(" ")[1] ?? "");
        client.destroy();
      });
      client.on("error", reject);
    });
  }

  for (const headers of [
    ["Upgrade: websocket"],
    ["Upgrade: websocket", "Connection: close"],
    ["Upgrade: websocket", "Connection: close, Upgrade"],
    ["Upgrade: h2c", "Connection: Upgrade"],
    ["Connection: Upgrade"],
  ]) {
    test(headers.join("; "), { timeout: 10_000 }, async () => {
      assert.equal(await statusOf(...headers), "400");
      assert.equal(asked, 0);
    });
  }

  test("and one that is", { timeout: 10_000 }, async () => {
    assert.equal(await statusOf("Upgrade: WebSocket", "Connection: keep-alive, Upgrade"), "404");
    assert.equal(asked, 1);
  });
});
