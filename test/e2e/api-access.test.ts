/** Who may use the API: credentials, pages of other origins, scripts, methods. */
import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { after, before, describe, test } from "node:test";
import { type ApiServer, startApi } from "../support/api.ts";

const LIMIT = { timeout: 60_000 };

function basic(name: string, password: string): RequestInit {
  const given = Buffer.from(`${name}:${password}`).toString("base64");
  return { headers: { authorization: `Basic ${given}` } };
}

/** As somebody asks who knows the server by a name of his own. */
function statusUnder({ api }: ApiServer, host: string, path = "/api/v1/versions"): Promise<number> {
  const { port } = new URL(api);
  return new Promise((resolve, reject) => {
    httpRequest({ port, host: "127.0.0.1", path, headers: { host } })
      .once("response", (answer) => resolve(answer.resume().statusCode ?? 0))
      .once("error", reject)
      .end();
  });
}

describe("basic authentication", LIMIT, () => {
  let weir: ApiServer;
  before(async () => {
    weir = await startApi({
      httpApi: "auth { enabled on; username admin; password canary; }",
    });
  });
  after(() => weir?.stop());

  test("guards what is below /api/, and tells how", async () => {
    for (const path of ["/api/v1/versions", "/api/", "/api/v1/nothing"]) {
      const refused = await weir.raw(path);
      assert.equal(refused.status, 401, path);
      assert.equal(refused.headers.get("www-authenticate"), 'Basic realm="weir"', path);
      assert.equal(await refused.text(), "");
    }
    assert.equal((await weir.raw("/")).status, 200);
    assert.equal((await weir.raw("/api/v1/versions", basic("admin", "canary"))).status, 200);
    assert.equal((await weir.raw("/api/v1/versions", { method: "OPTIONS" })).status, 200);
  });

  test("E-47 a proxy's name reaches what asks for credentials, and nothing else", async () => {
    assert.equal(await statusUnder(weir, "live.example"), 401);
    assert.equal(await statusUnder(weir, "live.example", "/console/"), 200);
    assert.equal(await statusUnder(weir, "live.example", "/metrics"), 403);
  });

  test("E-42 who guesses is left alone for a while, even when right; nothing is logged of it", async () => {
    for (const [name, password] of [
      ["admin", "wrong"],
      ["", "canary"],
      ["admin", ""],
    ] as const) {
      assert.equal((await weir.raw("/api/v1/versions", basic(name, password))).status, 401);
    }
    for (let guess = 0; guess < 7; guess += 1) {
      await weir.raw("/api/v1/versions", basic("admin", `guess${guess}`));
    }
    const locked = await weir.raw("/api/v1/versions", basic("admin", "canary"));
    assert.deepEqual([locked.status, locked.headers.get("retry-after")], [429, "60"]);
    assert.doesNotMatch(weir.log(), /canary|guess/);
  });
});

test("bearer authentication", LIMIT, async () => {
  const weir = await startApi({
    httpApi: "auth { enabled on; type bearer; token canary-of-128-bits; }",
  });
  try {
    const refused = await weir.raw("/api/v1/versions");
    assert.deepEqual(
      [refused.status, refused.headers.get("www-authenticate")],
      [401, 'Bearer realm="weir"'],
    );
    const headers = { authorization: "bearer canary-of-128-bits" };
    assert.equal((await weir.raw("/api/v1/versions", { headers })).status, 200);
  } finally {
    await weir.stop();
  }
});

describe("other origins and scripts", LIMIT, () => {
  let weir: ApiServer;
  before(async () => {
    weir = await startApi();
  });
  after(() => weir?.stop());

  test("pages of other origins may read, when the request says that it comes from one", async () => {
    const headers = { origin: "http://console.example" };
    const read = await weir.raw("/api/v1/versions", { headers });
    for (const [name, value] of [
      ["origin", "*"],
      ["methods", "GET, HEAD, OPTIONS"],
      ["headers", "*, Authorization"],
    ]) {
      assert.equal(read.headers.get(`access-control-allow-${name}`), value, name);
    }
    assert.equal(read.headers.get("access-control-allow-credentials"), null);
    const plain = await weir.raw("/api/v1/versions");
    assert.equal(plain.headers.get("access-control-allow-origin"), null);
    assert.equal(plain.headers.get("x-content-type-options"), "nosniff");
  });

  test("A9-06 a callback is ignored, and so is a method beside it", async () => {
    const answer = await weir.raw("/api/v1/clients/x?callback=alert&method=DELETE");
    assert.equal(answer.headers.get("content-type"), "application/json");
    assert.deepEqual(await answer.json(), { code: 2049 });
  });

  test("E-47 a port of the loopback has no other name", async () => {
    assert.equal(await statusUnder(weir, "rebound.example"), 403);
    assert.equal(await statusUnder(weir, "localhost:1985"), 200);
  });

  test("A9-10 methods that an endpoint has not are refused with those that it has", async () => {
    for (const [method, path] of [
      ["POST", "/api/v1/streams"],
      ["DELETE", "/api/v1/streams/vid-x"],
      ["PUT", "/api/v1/versions"],
      ["PATCH", "/api/v1/versions"],
    ] as const) {
      const refused = await weir.raw(path, { method });
      assert.equal(refused.status, 405, `${method} ${path}`);
      assert.match(refused.headers.get("allow") ?? "", /GET/, path);
    }
    const head = await weir.raw("/api/v1/versions", { method: "HEAD" });
    assert.deepEqual([head.status, await head.text()], [200, ""]);
  });
});

test(
  "scripts where they are asked for: safe names alone, and a method beside them",
  LIMIT,
  async () => {
    const weir = await startApi({ httpApi: "jsonp on; crossdomain off;" });
    try {
      const script = await weir.raw("/api/v1/versions/?callback=jQuery_1.cb");
      assert.equal(script.headers.get("content-type"), "text/javascript");
      assert.match(await script.text(), /^jQuery_1\.cb\(\{"code":0,.*\}\)$/);
      for (const name of ["alert(1)//", "<script>", "", "a".repeat(200)]) {
        const refused = await weir.raw(`/api/v1/versions?callback=${encodeURIComponent(name)}`);
        assert.equal(refused.status, 400, name);
      }
      const kick = await weir.raw("/api/v1/clients/nobody?callback=f&method=DELETE");
      assert.equal(await kick.text(), 'f({"code":2049})');
      const headers = { origin: "http://console.example" };
      const read = await weir.raw("/api/v1/versions", { headers });
      assert.equal(read.headers.get("access-control-allow-origin"), null);
    } finally {
      await weir.stop();
    }
  },
);

test("E-56 under strict everything is guarded, metrics too", LIMIT, async () => {
  const weir = await startApi({
    directives: "strict on; exporter { enabled on; }",
    httpApi: "auth { enabled on; username u; password p; }",
  });
  try {
    for (const path of ["/", "/metrics", "/api/v1/versions", "/nothing"]) {
      assert.equal((await weir.raw(path)).status, 401, path);
    }
    assert.equal((await weir.raw("/metrics", basic("u", "p"))).status, 200);
  } finally {
    await weir.stop();
  }
});
