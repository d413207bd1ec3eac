/** What requests for playlists cost the primary, and that rules hold for each of them all the same. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { HlsViewers } from "../../src/main/gateways/hls-viewers.ts";
import { signedQuery } from "../../src/main/tokens/signed-url.ts";
import type { Frame } from "../support/flv-file.ts";
import { waitUntil } from "../support/scratch.ts";
import { type HlsServer, makeHlsClip, publishTo, startHls } from "./hls-runs.ts";

const LIMIT = { timeout: 90_000 };
const PATH = "/live/a.m3u8";
const WAIT_MS = 30_000;
const POLLS = 400;
const AT_ONCE = 8;
const GATEWAYS = 2;
let clip: Frame[];

before(async () => {
  clip = await makeHlsClip();
});

/** Calls and messages about viewers that reach the primary, which runs in this thread. */
const reached = { questions: 0, reports: 0 };
const { admit, touched } = HlsViewers.prototype;
HlsViewers.prototype.admit = function (question) {
  reached.questions += 1;
  return admit.call(this, question);
};
HlsViewers.prototype.touched = function (gateway, message) {
  reached.reports += 1;
  touched.call(this, gateway, message);
};

async function withStream(
  hls: string,
  work: (weir: HlsServer) => Promise<void>,
  vhost = "",
): Promise<void> {
  const weir = await startHls({ hls, vhost });
  const publisher = await publishTo(weir.port, "a", clip);
  try {
    await work(weir);
  } finally {
    publisher.close();
    await weir.close();
  }
}

/** @returns seconds that it took. */
async function poll(weir: HlsServer, path: string): Promise<number> {
  const began = performance.now();
  let left = POLLS;
  const viewer = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      assert.equal((await weir.client.get(path)).status, 200);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, viewer));
  return (performance.now() - began) / 1000;
}

async function status(weir: HlsServer, path = PATH, referer = ""): Promise<number> {
  return (await weir.client.get(path, referer === "" ? {} : { referer })).status;
}

/** On connections of their own, so that each gateway gets some. */
async function assertAll(weir: HlsServer, wanted: number): Promise<void> {
  for (let request = 0; request < 10; request += 1) {
    assert.equal(await status(weir), wanted);
  }
}

describe("polls", () => {
  test(
    "without sessions the primary hears of one in a second from each gateway",
    LIMIT,
    (context) =>
      withStream("hls_ctx off;", async (weir) => {
        await weir.client.until(PATH, "segments", ({ segments }) => segments.length >= 2);
        Object.assign(reached, { questions: 0, reports: 0 });
        const seconds = await poll(weir, PATH);
        const most = GATEWAYS * (Math.ceil(seconds) + 1);
        const figures = `${reached.questions} questions and ${reached.reports} reports of ${POLLS} polls in ${seconds} s`;
        context.diagnostic(figures);
        assert.ok(reached.questions <= most + GATEWAYS * AT_ONCE, figures);
        assert.ok(reached.reports <= most, figures);
        const entry = weir.server.coordinator.find("__defaultVhost__/live/a");
        assert.deepEqual(
          entry?.players.filter((count) => count > 0),
          [1],
          "one player",
        );
      }),
  );

  test(
    "with sessions each gateway asks once about each, and reports once in a second",
    LIMIT,
    (context) =>
      withStream("", async (weir) => {
        const path = await weir.client.session(PATH);
        await weir.client.until(path, "segments", ({ segments }) => segments.length >= 2);
        Object.assign(reached, { questions: 0, reports: 0 });
        const seconds = await poll(weir, path);
        const figures = `${reached.questions} questions and ${reached.reports} reports of ${POLLS} polls in ${seconds} s`;
        context.diagnostic(figures);
        assert.ok(reached.questions <= GATEWAYS * AT_ONCE, figures);
        assert.ok(reached.reports <= GATEWAYS * (Math.ceil(seconds) + 1), figures);
      }),
  );

  test("referers are looked at each time", LIMIT, () =>
    withStream(
      "hls_ctx off;",
      async (weir) => {
        const isThere = async (): Promise<boolean> =>
          (await status(weir, PATH, "http://good.example/page")) === 200;
        await waitUntil("a playlist", isThere, WAIT_MS);
        for (let round = 0; round < 10; round += 1) {
          assert.equal(await status(weir, PATH, "http://good.example/page"), 200);
          assert.equal(await status(weir, PATH, "http://evil.example/page"), 403);
        }
      },
      "refer { enabled on; play good.example; }",
    ),
  );

  test("tokens are looked at each time", LIMIT, () =>
    withStream(
      "hls_ctx off;",
      async (weir) => {
        const expires = Math.floor(Date.now() / 1000) + 600;
        const what = { vhost: "__defaultVhost__", app: "live", stream: "a", expires, ip: "" };
        const query = signedQuery("the-secret", { ...what, action: "play" });
        await weir.client.until(`${PATH}?${query}`, "segments", () => true);
        for (let round = 0; round < 10; round += 1) {
          assert.equal(await status(weir, `${PATH}?${query}`), 200);
          assert.equal(await status(weir), 403);
        }
      },
      "token { enabled on; secret the-secret; publish off; }",
    ),
  );

  test("a rule that a reload brings holds from its end on", LIMIT, async () => {
    const weir = await startHls({ hls: "hls_ctx off;" });
    const publisher = await publishTo(weir.port, "a", clip);
    try {
      await weir.client.until(PATH, "segments", ({ segments }) => segments.length >= 2);
      await assertAll(weir, 200);
      await weir.reloadHls("hls_ctx off;", { vhost: "security { enabled on; deny play all; }" });
      await assertAll(weir, 403);
      await weir.reloadHls("hls_ctx off;");
      await assertAll(weir, 200);
    } finally {
      publisher.close();
      await weir.close();
    }
  });
});
