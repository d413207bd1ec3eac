/** Requests that no client means well with: answered shortly or closed, and the API answers others as before. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { API_CONNECTIONS_MAX } from "../../src/protocol/limits.ts";
import { type ApiServer, startApi } from "../support/api.ts";
import { waitUntil } from "../support/scratch.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;

let weir: ApiServer;

before(async () => {
  weir = await startApi();
});

after(() => weir?.stop());

/** A connection that says what it is told to. */
class RawClient {
  text = "";
  isOver = false;
  readonly #socket = connect(Number(new URL(weir.api).port), "127.0.0.1");

  constructor() {
    this.#socket.on("data", (bytes) => {
      this.text += String(bytes);
    });
    this.#socket.on("close", () => {
      this.isOver = true;
    });
    this.#socket.on("error", () => undefined);
  }

  say(text: string): this {
    this.#socket.write(text);
    return this;
  }

  async ended(what: string): Promise<number> {
    await waitUntil(what, () => this.isOver, WAIT_MS);
    return Number(/^HTTP\/1\.1 (\d{3}) /.exec(this.text)?.[1] ?? 0);
  }

  close(): void {
    this.#socket.destroy();
  }
}

async function statusOf(request: string): Promise<number> {
  return await new RawClient().say(request).ended(request.slice(0, 80));
}

async function assertServes(): Promise<void> {
  assert.equal((await weir.get("/api/v1/versions")).code, 0);
}

const HEAD = "GET /api/v1/versions HTTP/1.1\r\nHost: 127.0.0.1\r\n";

describe("hostile requests", LIMIT, () => {
  test("A9-02 headers that are too long or too many", async () => {
    assert.equal(await statusOf(`${HEAD}X: ${"a".repeat(1 << 20)}\r\n\r\n`), 431);
    assert.equal(await statusOf(`${HEAD}${"X: a\r\n".repeat(10_000)}\r\n`), 431);
    const line = `GET /${"a".repeat(100_000)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
    assert.equal(await statusOf(line), 431);
    await assertServes();
  });

  test("A9-02 headers that drip, and a body that never comes, end at their time", async () => {
    const drip = new RawClient().say(HEAD);
    const silent = new RawClient();
    const owed = new RawClient().say(
      "POST /api/v1/clusters HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\nx",
    );
    const timer = setInterval(() => drip.say("X"), 200);
    try {
      assert.equal(await drip.ended("a request that drips is closed"), 408);
      assert.equal(await owed.ended("a request without its body is closed"), 408);
      await silent.ended("a connection that says nothing is closed");
    } finally {
      clearInterval(timer);
    }
    await assertServes();
  });

  test("A9-03 lengths that cannot be, or stand twice", async () => {
    for (const lengths of [
      "Content-Length: -1",
      "Content-Length: 1\r\nContent-Length: 2",
      "Content-Length: 5\r\nTransfer-Encoding: chunked",
      "Content-Length: x",
    ]) {
      const request = `POST /api/v1/clusters HTTP/1.1\r\nHost: 127.0.0.1\r\n${lengths}\r\n\r\n`;
      assert.equal(await statusOf(request), 400, lengths);
    }
  });

  test("A9-04 A9-05 bodies: too long, packed, or no JSON", async () => {
    const post = (body: string, headers: Record<string, string> = {}): Promise<Response> =>
      weir.raw("/api/v1/clusters", { method: "POST", body, headers });
    assert.equal((await post("x".repeat(1 << 20))).status, 413);
    assert.equal((await post("x", { "content-encoding": "gzip" })).status, 415);
    for (const body of [
      "{",
      `${"[".repeat(10_000)}`,
      '{"__proto__":{"code":1}}',
      "NaN",
      "\u0000",
    ]) {
      assert.equal((await post(body)).status, 200, body.slice(0, 20));
    }
  });

  test("A9-01 A9-13 A9-15 paths that lead nowhere", async () => {
    for (const [target, status] of [
      ["/../../etc/passwd", 404],
      ["/api/v1/../../../etc/passwd", 404],
      ["/%2e%2e/%2e%2e/etc/passwd", 404],
      ["/..;/", 404],
      ["//etc/passwd", 404],
      ["/api//v1/versions", 404],
      ["/api/v1/versions/x", 404],
      ["/api/v1/clients/x/y", 404],
      ["/constructor", 404],
      ["/__proto__", 404],
      ["*", 400],
      ["http://evil.example/api/v1/versions", 400],
      [`/${"a".repeat(2000)}`, 400],
      [`/api/v1/streams?${"a".repeat(5000)}`, 400],
    ] as const) {
      const request = `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
      assert.equal(await statusOf(request), status, target.slice(0, 60));
    }
    for (const id of ["%00", "%ff", "' OR 1", "{id}", "0x1"]) {
      const { code } = await weir.get(`/api/v1/streams/${encodeURIComponent(id)}`);
      assert.equal(code, 2048, id);
    }
    const many = await weir.get("/api/v1/clients?start=1e308&count=999999999999999999999");
    assert.deepEqual(many.clients, []);
  });

  test("more connections than may be are closed, and those after them are served", async () => {
    const crowd = Array.from({ length: API_CONNECTIONS_MAX + 20 }, () =>
      new RawClient().say("GET"),
    );
    try {
      const overCount = (): number => crowd.filter(({ isOver }) => isOver).length;
      await waitUntil("those who are too many are closed", () => overCount() >= 20, WAIT_MS);
    } finally {
      for (const client of crowd) {
        client.close();
      }
    }
    const isServed = (): Promise<boolean> =>
      weir.get("/api/v1/versions").then(
        ({ code }) => code === 0,
        () => false,
      );
    await waitUntil("others are served again", isServed, WAIT_MS);
  });
});
