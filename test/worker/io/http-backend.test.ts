/** What a gateway's services may rely on, whatever library serves HTTP. */
import assert from "node:assert/strict";
import { get, type IncomingMessage, request } from "node:http";
import { after, before, describe, test } from "node:test";
import { WebSocket } from "ws";
import type {
  HttpBackend,
  HttpHandler,
  HttpReply,
  HttpRequest,
} from "../../../src/worker/io/http-backend.ts";
import { HttpBackendNode } from "../../../src/worker/io/http-backend-node.ts";
import { HttpBackendUws, loadUws } from "../../../src/worker/io/http-backend-uws.ts";

async function open(name: string, handler: HttpHandler): Promise<HttpBackend> {
  if (name === "node") {
    return new HttpBackendNode(handler);
  }
  const library = await loadUws();
  assert.ok(library !== null, "uWebSockets.js does not load");
  return new HttpBackendUws(library, handler);
}

function bodyOf(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    response.on("data", (part: Buffer) => parts.push(part));
    response.on("end", () => resolve(Buffer.concat(parts).toString()));
    response.on("error", reject);
  });
}

function describeRequest(asked: HttpRequest): string {
  const { method, path, query, ip, isSecure, isUpgrade } = asked;
  const headers = ["host", "x-one", "x-two", "x-none"].map((name) => asked.header(name));
  return JSON.stringify({ method, path, query, ip, isSecure, isUpgrade, headers });
}

for (const name of ["uws", "node"]) {
  describe(`on ${name}`, () => {
    let backend: HttpBackend;
    let port: number;
    let handler: HttpHandler;

    before(async () => {
      backend = await open(name, (asked, reply) => handler(asked, reply));
      port = await backend.listen({ host: "127.0.0.1", port: 0, descriptor: null, tls: null });
    });

    after(() => backend?.close());

    test("a large body arrives whole, also where its reader stops in between", {
      timeout: 20_000,
    }, async () => {
      const body = new Uint8Array(new SharedArrayBuffer(8 * 1024 * 1024));
      for (let at = 0; at < body.length; at += 1) {
        body[at] = (at * 31 + (at >>> 12)) & 0xff;
      }
      handler = (_, reply) => reply.send(200, [["Content-Type", "video/MP2T"]], body);
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        get({ port, host: "127.0.0.1", agent: false }, resolve).on("error", reject);
      });
      assert.equal(response.headers["content-length"], String(body.length));
      const parts: Buffer[] = [];
      for await (const part of response) {
        parts.push(part as Buffer);
        if (parts.length % 32 === 1) {
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
      assert.equal(Buffer.compare(Buffer.concat(parts), body), 0);
    });

    test("a request is read after the handler returned, while others came", {
      timeout: 10_000,
    }, async () => {
      const kept: { asked: HttpRequest; reply: HttpReply }[] = [];
      handler = (asked, reply) => {
        kept.push({ asked, reply });
        if (kept.length === 2) {
          setImmediate(() => {
            for (const { asked: before, reply: to } of kept) {
              to.send(200, [], describeRequest(before));
            }
          });
        }
      };
      const one = (index: number): Promise<string> =>
        new Promise((resolve, reject) => {
          const url = `http://127.0.0.1:${port}/a/${index}%20b?x=${index}&y`;
          const headers = { "X-One": `one ${index}`, "X-Two": ["a", "b"] };
          get(url, { agent: false, headers }, (response) => resolve(bodyOf(response))).on(
            "error",
            reject,
          );
        });
      const answers = await Promise.all([one(1), one(2)]);
      for (const [index, answer] of [1, 2].map((index) => [index, answers[index - 1]] as const)) {
        assert.deepEqual(JSON.parse(answer ?? ""), {
          method: "GET",
          path: `/a/${index}%20b`,
          query: `x=${index}&y`,
          ip: "127.0.0.1",
          isSecure: false,
          isUpgrade: false,
          headers: [`127.0.0.1:${port}`, `one ${index}`, "a, b", ""],
        });
      }
    });

    test("an upgrade's request too", { timeout: 10_000 }, async () => {
      let told = "";
      handler = (asked, reply) =>
        void setImmediate(() => {
          told = describeRequest(asked);
          reply.send(404, [], "");
        });
      const socket = new WebSocket(`ws://127.0.0.1:${port}/w`, { headers: { "X-One": "1" } });
      const status = await new Promise((resolve) => {
        socket.on("unexpected-response", (asked, response) => {
          asked.destroy();
          resolve(response.statusCode);
        });
      });
      assert.equal(status, 404);
      const { path, isUpgrade, headers } = JSON.parse(told);
      assert.deepEqual([path, isUpgrade, headers[1]], ["/w", true, "1"]);
    });

    test("who leaves before the answer is told, once, and the answer goes nowhere", {
      timeout: 10_000,
    }, async () => {
      let gone = 0;
      const left = new Promise<HttpReply>((resolve) => {
        handler = (_asked, reply) => {
          reply.onGone(() => {
            gone += 1;
            resolve(reply);
          });
          assert.equal(reply.isOpen, true);
          client.destroy();
        };
      });
      const client = request(`http://127.0.0.1:${port}/`, { agent: false });
      client.on("error", () => undefined).end();
      const reply = await left;
      assert.equal(reply.isOpen, false);
      reply.send(200, [], "to nobody");
      assert.equal(gone, 1);
    });
  });
}
