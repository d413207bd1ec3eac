/** One callback's request on servers that do everything wrong. */
import assert from "node:assert/strict";
import type { LookupAddress } from "node:dns";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, test } from "node:test";
import { type HttpCall, HttpCaller } from "../../../src/main/hooks/http-call.ts";
import { Names } from "../../../src/main/hooks/names.ts";
import { TransportError } from "../../../src/protocol/errors.ts";

const LIMIT = { timeout: 30_000 };
/** Nothing here waits for it but what is to wait for it. */
const LONG_MS = 20_000;
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n0";

const open: { close(): void }[] = [];

afterEach(() => {
  for (const one of open.splice(0)) {
    one.close();
  }
});

/** Requests that came, whole, and what each is answered with. */
interface Raw {
  readonly url: string;
  readonly requests: string[];
  readonly sockets: Set<Socket>;
}

/** @param answer Told the connection and the request's number, from 1. */
async function serve(
  answer: (socket: Socket, count: number) => void,
  host = "127.0.0.1",
): Promise<Raw> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => void sockets.delete(socket));
    let text = "";
    socket.on("data", (part: Buffer) => {
      text += part.toString("latin1");
      // Bodies are of one byte.
      if (/\r\n\r\n.$/s.test(text) || /^GET.*\r\n\r\n$/s.test(text)) {
        requests.push(text);
        text = "";
        answer(socket, requests.length);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  open.push({
    close: () => {
      server.close();
      for (const socket of sockets) {
        socket.destroy();
      }
    },
  });
  const { port } = server.address() as AddressInfo;
  const name = host.includes(":") ? `[${host}]` : host;
  return { url: `http://${name}:${port}/hook`, requests, sockets };
}

function newCaller(names?: Names): HttpCaller {
  const caller = new HttpCaller(names);
  open.push(caller);
  return caller;
}

function post(url: string, more: Partial<HttpCall> = {}): HttpCall {
  return {
    method: "POST",
    url,
    headers: { "idempotency-key": "k" },
    body: "x",
    timeoutMs: LONG_MS,
    replyBytesMax: 64 * 1024,
    isCut: false,
    tlsVerify: false,
    ...more,
  };
}

async function codeOf(answer: Promise<unknown>): Promise<string> {
  const error = await answer.then(
    () => assert.fail("it was answered"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof TransportError, String(error));
  return error.code;
}

for (const [what, broken] of [
  ["no HTTP", "garbage\r\n\r\n"],
  ["endless headers", `HTTP/1.1 200 OK\r\n${"x-more: 0123456789\r\n".repeat(2000)}`],
  ["half a status line", "HTTP/1.1 2"],
] as const) {
  test(
    `an answer that is ${what} on a kept connection: the server has had it, it is not sent again`,
    LIMIT,
    async () => {
      const kept = await serve((socket, count) => {
        if (count === 1) {
          socket.write(OK);
        } else {
          socket.end(broken);
        }
      });
      const caller = newCaller();
      assert.equal((await caller.call(post(kept.url))).body, "0");
      assert.equal(await codeOf(caller.call(post(kept.url))), "ERR_HOOK_CONNECTION");
      assert.equal(kept.requests.length, 2);
    },
  );
}

test(
  "a kept connection that was closed without a word is no answer: it is sent again, once",
  LIMIT,
  async () => {
    const kept = await serve((socket, count) => {
      if (count === 1) {
        socket.write(OK);
      } else {
        socket.destroy();
      }
    });
    const caller = newCaller();
    await caller.call(post(kept.url));
    assert.equal(await codeOf(caller.call(post(kept.url))), "ERR_HOOK_CONNECTION");
    assert.equal(kept.requests.length, 3);
    const keys = kept.requests.map((text) => /idempotency-key: (\w+)/i.exec(text)?.[1]);
    assert.deepEqual(keys, ["k", "k", "k"]);
  },
);

test("after a broken answer another connection is used", LIMIT, async () => {
  const raw = await serve((socket, count) => {
    socket.write(count === 1 ? "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n0\r\n\r\n junk" : OK);
  });
  const caller = newCaller();
  await caller.call(post(raw.url)).catch(() => undefined);
  assert.equal((await caller.call(post(raw.url))).body, "0");
});

test("headers without end and interim answers without end are ended", LIMIT, async () => {
  const endless = await serve((socket) => {
    socket.write("HTTP/1.1 200 OK\r\n");
    const timer = setInterval(() => socket.write("x-more: 0123456789\r\n".repeat(100)), 1);
    socket.on("close", () => clearInterval(timer));
  });
  const caller = newCaller();
  assert.equal(await codeOf(caller.call(post(endless.url))), "ERR_HOOK_CONNECTION");
  const interim = await serve((socket) => {
    const timer = setInterval(() => socket.write("HTTP/1.1 102 Processing\r\n\r\n"), 5);
    socket.on("close", () => clearInterval(timer));
  });
  const begun = performance.now();
  const code = await codeOf(caller.call(post(interim.url, { timeoutMs: 300 })));
  assert.equal(code, "ERR_HOOK_TIMEOUT");
  assert.ok(performance.now() - begun < LONG_MS / 2);
});

test("a server that takes a byte a while is given its whole time and no more", LIMIT, async () => {
  const drip = await serve((socket) => {
    socket.write("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
    const timer = setInterval(() => socket.write("0"), 20);
    socket.on("close", () => clearInterval(timer));
  });
  assert.equal(
    await codeOf(newCaller().call(post(drip.url, { timeoutMs: 300 }))),
    "ERR_HOOK_TIMEOUT",
  );
});

for (const [bytes, sent] of [
  [0, 0],
  [64, 64],
  [64, 65],
  [64, 100_000],
] as const) {
  test(
    `hls_nb_notify ${bytes}: the answer counts when so much is read, ${sent} are there`,
    LIMIT,
    async () => {
      // More is announced than comes.
      const raw = await serve((socket) => {
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n${"0".repeat(sent)}`);
      });
      const call = post(raw.url, { method: "GET", body: "", replyBytesMax: bytes, isCut: true });
      assert.equal((await newCaller().call(call)).status, 200);
    },
  );
}

test("URLs with user and password, and with an IPv6 address", LIMIT, async () => {
  const raw = await serve((socket) => socket.write(OK));
  const caller = newCaller();
  const url = raw.url.replace("http://", "http://some%40one:pass%3Aword@");
  assert.equal((await caller.call(post(url))).body, "0");
  const [, basic = ""] = /authorization: basic (\S+)/i.exec(raw.requests[0] ?? "") ?? [];
  assert.equal(Buffer.from(basic, "base64").toString(), "some@one:pass:word");
  const six = await serve((socket) => socket.write(OK), "::1");
  assert.equal((await caller.call(post(six.url))).body, "0");
});

test(
  "a name that is not resolved: each call has its time, one look-up is under way",
  LIMIT,
  async () => {
    const raw = await serve((socket) => socket.write(OK));
    const asked: string[] = [];
    const pending: ((error: Error | null, addresses: LookupAddress[]) => void)[] = [];
    const names = new Names((name, callback) => {
      asked.push(name);
      pending.push(callback);
    });
    const caller = newCaller(names);
    const url = raw.url.replace("127.0.0.1", "hooks.example");
    const calls = Array.from({ length: 50 }, () =>
      codeOf(caller.call(post(url, { timeoutMs: 100 }))),
    );
    assert.deepEqual(new Set(await Promise.all(calls)), new Set(["ERR_HOOK_TIMEOUT"]));
    assert.deepEqual(asked, ["hooks.example"]);
    const late = caller.call(post(url));
    pending[0]?.(null, [{ address: "127.0.0.1", family: 4 }]);
    assert.equal((await late).body, "0");
    assert.equal((await caller.call(post(url))).body, "0");
    assert.equal(asked.length, 1, "an answer counts for some seconds");
  },
);

test("a name that does not exist is asked about again", LIMIT, async () => {
  let count = 0;
  const names = new Names((_, callback) => {
    count += 1;
    callback(Object.assign(new Error("no such name"), { code: "ENOTFOUND" }), []);
  });
  const caller = newCaller(names);
  for (let call = 1; call <= 2; call += 1) {
    assert.equal(await codeOf(caller.call(post("http://hooks.example/"))), "ERR_HOOK_CONNECTION");
    assert.equal(count, call);
  }
});
