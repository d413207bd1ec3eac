/** What is published by RTMP is what HTTP-FLV and WebSocket-FLV viewers get, whatever library serves them. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { get, type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { WebSocket } from "ws";
import { makeClip } from "../support/clips.ts";
import { startPublish, startPublishLoop } from "../support/ffmpeg.ts";
import { readFlv } from "../support/flv-file.ts";
import type { Packet } from "../support/packets.ts";
import { assertPassed, probePackets } from "../support/packets.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import type { RunningServer } from "../support/weir.ts";
import { startWeir } from "../support/weir.ts";

const scratch = makeScratch();
let clip: string;
let source: Packet[];

before(async () => {
  clip = await makeClip(scratch, "clip", { seconds: 6 });
  source = await probePackets(clip, { timeoutMs: 10_000 });
});

function read(response: IncomingMessage): { bytes(): Buffer } {
  const parts: Buffer[] = [];
  response.on("data", (part: Buffer) => parts.push(part));
  response.on("error", () => undefined);
  return { bytes: () => Buffer.concat(parts) };
}

function open(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, resolve).on("error", reject);
  });
}

function ask(url: string, method: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request(url, { method, agent: false }, (response) => resolve(response.resume()))
      .on("error", reject)
      .end();
  });
}

function assertWholeTags(messages: readonly Buffer[]): void {
  assert.equal(messages[0]?.toString("latin1", 0, 3), "FLV");
  for (const [index, message] of messages.entries()) {
    let at = index === 0 ? 13 : 0;
    while (at < message.length) {
      at += 15 + message.readUIntBE(at + 1, 3);
    }
    assert.equal(at, message.length, `message ${index} ends inside a tag`);
  }
}

// They wait for media in real time: each backend has a server, each test a stream of its own.
describe("HTTP-FLV", { concurrency: 2 }, () => {
  for (const backend of ["uws", "node"]) {
    describe(`on ${backend}`, { concurrency: 2 }, () => {
      let weir: RunningServer;
      let http: number;

      before(async () => {
        http = await findFreePort();
        weir = await startWeir({
          directives: `http_backend ${backend}; gateways 2; http_server { enabled on; listen 127.0.0.1:${http}; }`,
          vhost: "http_remux { enabled on; } play { play_wait 6000; }",
          workers: 2,
        });
        await waitUntil("http listens", () => isListening(http), 5000);
      });

      after(() => weir?.stop());

      const flv = (name: string): string => `http://127.0.0.1:${http}/live/${name}.flv`;

      test("a viewer that waits for the publisher gets all of it", {
        timeout: 40_000,
      }, async () => {
        const waiting = open(flv("waits"));
        await delay(500);
        const publisher = startPublish(clip, weir.url("waits"));
        const response = await waiting;
        assert.equal(response.statusCode, 200);
        assert.equal(response.headers["content-type"], "video/x-flv");
        const copy = read(response);
        assert.equal((await publisher.waitEnd(20_000)).code, 0);
        await delay(800);
        response.destroy();
        const file = join(scratch, `${backend}.flv`);
        writeFileSync(file, copy.bytes());
        const received = await probePackets(file, { timeoutMs: 10_000 });
        assertPassed(source, received, { countMin: 140, toEnd: true });
      });

      test("viewers that join later start at a keyframe at once", { timeout: 40_000 }, async () => {
        const publisher = startPublishLoop(clip, weir.url("joins"));
        await delay(2500);
        const [first, second] = await Promise.all([
          probePackets(flv("joins"), { seconds: 2, timeoutMs: 20_000 }),
          probePackets(flv("joins"), { seconds: 2, timeoutMs: 20_000 }),
        ]);
        for (const received of [first, second]) {
          assertPassed(source, received ?? [], { countMin: 40 });
        }
        await publisher.stop();
      });

      test("a WebSocket's messages are whole tags", { timeout: 40_000 }, async () => {
        const publisher = startPublishLoop(clip, weir.url("socket"));
        await delay(1500);
        const messages: Buffer[] = [];
        const socket = new WebSocket(flv("socket").replace("http:", "ws:"));
        socket.on("message", (message: Buffer) => messages.push(message));
        try {
          await waitUntil("media came", () => messages.length > 20, 15_000);
        } catch (error) {
          const text = `${messages.length} messages, state ${socket.readyState}\n${weir.log()}`;
          throw new Error(text, { cause: error });
        }
        socket.terminate();
        await publisher.stop();
        assertWholeTags(messages);
      });

      test("a viewer stays through unpublish and republish", { timeout: 60_000 }, async () => {
        const first = startPublish(clip, weir.url("again"));
        await delay(1500);
        const response = await open(flv("again"));
        const copy = read(response);
        await delay(1500);
        await first.stop();
        await delay(500);
        const before = copy.bytes().length;
        const second = startPublish(clip, weir.url("again"));
        await waitUntil(
          `media of the second publish after ${before} bytes`,
          () => copy.bytes().length > before + 20_000,
          15_000,
        );
        await second.stop();
        response.destroy();
        const file = join(scratch, `${backend}-again.flv`);
        writeFileSync(file, copy.bytes());
        const times = readFlv(file)
          .filter(({ kind }) => kind === "key" || kind === "inter")
          .map(({ timestamp }) => timestamp);
        assert.ok(times.length > 40);
        assert.deepEqual(
          times,
          [...times].sort((a, b) => a - b),
          "the time line goes back",
        );
      });

      test("what is not served gets a status", { timeout: 20_000 }, async () => {
        const base = `http://127.0.0.1:${http}`;
        assert.equal((await ask(`${base}/live/x.mp4`, "GET")).statusCode, 404);
        assert.equal((await ask(`${base}/live/show/x.flv`, "GET")).statusCode, 404);
        assert.equal((await ask(`${base}/live/%zz.flv`, "GET")).statusCode, 400);
        assert.equal((await ask(`${base}/live/x.flv`, "POST")).statusCode, 405);
        assert.equal((await ask(`${base}/live/x.flv`, "OPTIONS")).statusCode, 204);
        const head = await ask(`${base}/live/x.flv`, "HEAD");
        assert.equal(head.statusCode, 200);
        assert.equal(head.headers["access-control-allow-origin"], "*");
      });

      test("a stream that does not come is a 404 in time", { timeout: 20_000 }, async () => {
        const began = Date.now();
        const response = await ask(flv("never"), "GET");
        assert.equal(response.statusCode, 404);
        assert.ok(Date.now() - began < 10_000);
      });
    });
  }
});
