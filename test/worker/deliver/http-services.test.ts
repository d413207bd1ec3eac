/** Requests go through a gateway's services in order, and what none of them takes is answered. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpService } from "../../../src/worker/deliver/http-service.ts";
import { corsHeaders, HttpServices } from "../../../src/worker/deliver/http-services.ts";
import { FakeReply, fakeRequest } from "./fake-http.ts";

const CORS = corsHeaders(true);

/** Takes paths that begin like this, and hands on the rest now or when told. */
function serve(prefix: string, asked: string[], later?: (() => void)[]): HttpService {
  return {
    take: (request, reply, next) => {
      asked.push(prefix);
      if (request.path.startsWith(prefix)) {
        reply.send(200, [], prefix);
      } else if (later === undefined) {
        next();
      } else {
        later.push(next);
      }
    },
  };
}

test("the first that takes a request answers it", () => {
  const asked: string[] = [];
  const services = new HttpServices([serve("/a", asked), serve("/b", asked)], CORS);
  for (const [path, asking] of [
    ["/a/b", ["/a"]],
    ["/b", ["/a", "/b"]],
  ] as const) {
    const reply = new FakeReply();
    services.take(fakeRequest("GET", path), reply);
    assert.equal(reply.status, 200);
    assert.deepEqual(asked.splice(0), asking);
  }
});

test("what nobody takes is not found, or not allowed", () => {
  const services = new HttpServices([serve("/a", [])], CORS);
  for (const [method, status] of [
    ["GET", 404],
    ["HEAD", 404],
    ["POST", 405],
    ["DELETE", 405],
  ] as const) {
    const reply = new FakeReply();
    services.take(fakeRequest(method, "/c"), reply);
    assert.equal(reply.status, status, method);
    assert.equal(new Map(reply.headers).get("Access-Control-Allow-Origin"), "*");
    assert.equal(new Map(reply.headers).has("Allow"), status === 405);
  }
});

test("OPTIONS is answered here, and of its own paths by who takes them", () => {
  const api = serve("/api", []);
  for (const [preflight, path, status] of [
    [null, "/api/x", 204],
    [api, "/api/x", 200],
    [api, "/live/a.flv", 204],
  ] as const) {
    const reply = new FakeReply();
    new HttpServices([api], CORS, preflight).take(fakeRequest("OPTIONS", path), reply);
    assert.equal(reply.status, status, path);
    assert.equal(new Map(reply.headers).has("Access-Control-Allow-Methods"), status === 204);
  }
});

test("a service may take other methods", () => {
  const services = new HttpServices([serve("/a", [])], CORS);
  const reply = new FakeReply();
  services.take(fakeRequest("POST", "/a"), reply);
  assert.equal(reply.status, 200);
});

test("OPTIONS is answered before any service", () => {
  const asked: string[] = [];
  for (const cors of [CORS, corsHeaders(false)]) {
    const services = new HttpServices([serve("/a", asked)], cors);
    const reply = new FakeReply();
    services.take(fakeRequest("OPTIONS", "/a"), reply);
    assert.equal(reply.status, 204);
    assert.equal(reply.headers, cors);
    assert.equal(reply.body, "");
  }
  assert.deepEqual(asked, []);
});

test("a request that is handed on after its client left ends there", () => {
  const asked: string[] = [];
  const later: (() => void)[] = [];
  const services = new HttpServices([serve("/a", asked, later), serve("/b", asked)], CORS);
  const reply = new FakeReply();
  services.take(fakeRequest("GET", "/b"), reply);
  reply.isOpen = false;
  later[0]?.();
  assert.deepEqual(asked, ["/a"]);
});
