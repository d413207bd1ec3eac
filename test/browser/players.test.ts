/** The players that people use in browsers: all of them in one Chromium, through a republish. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Browser, Page } from "playwright-core";
import { type ServedPage, servePage, startChromium, takePicture } from "../support/browser.ts";
import type { Frame } from "../support/flv-file.ts";
import { ClipPublisher } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import { makeStampedClip, StampedPeer } from "../support/stamped-clip.ts";
import { type RunningServer, startWeir } from "../support/weir.ts";

/** What the page tells of one player. */
interface PlayerReport {
  readonly frames: number;
  readonly seconds: number;
  readonly width: number;
  readonly errors: readonly string[];
  readonly seen: readonly (readonly [stamp: number, at: number])[];
}
type Reports = Readonly<Record<string, PlayerReport>>;

/** Each publish is watched for so long, in the stream's time. */
const WATCHED_SECONDS = 10;
const FRAMES_A_SECOND = 15;
/** No picture is older than the clip is long: its number is unique for as long. */
const DELAY_MAX_MS = 19_000;
/** For a machine that is busy with other things. */
const PATIENCE_MS = 60_000;
const PAGE = `<style>body{font:12px sans-serif;display:flex;gap:8px;flex-wrap:wrap}figure{margin:0}</style>`;

let weir: RunningServer;
let http: number;
let clip: Frame[];
let served: ServedPage;
let browser: Browser;

before(async () => {
  http = await findFreePort();
  weir = await startWeir({
    directives: [
      `gateways 1; http_server { enabled on; listen 127.0.0.1:${http}; }`,
      // A vhost of its own under the other name of the same address. Asking for permission, it signs what it lists.
      "vhost localhost { hls { enabled on; hls_use_fmp4 on; hls_ll on; hls_fragment 2; hls_window 12; }",
      "security { enabled on; allow play all; allow publish all; } }",
    ].join("\n"),
    vhost: "http_remux { enabled on; } hls { enabled on; hls_fragment 2; hls_window 12; }",
    workers: 2,
  });
  await waitUntil("http listens", () => isListening(http), 10_000);
  clip = await makeStampedClip(makeScratch(), 20);
  served = await servePage("test/browser/pages/players.ts", PAGE);
  browser = await startChromium();
});

after(async () => {
  await browser?.close();
  served?.close();
  await weir?.stop();
});

function start(page: Page, name: string, url: string): Promise<unknown> {
  return page.evaluate(`players.start(${JSON.stringify(name)}, ${JSON.stringify(url)})`);
}

async function report(page: Page): Promise<Reports> {
  return (await page.evaluate("players.report()")) as Reports;
}

/** Waits until each player has shown so much more than in `since`. */
async function waitAdvance(page: Page, since: Reports): Promise<Reports> {
  let now = await report(page);
  const lags = (): string[] =>
    Object.entries(now)
      .filter(([name, { frames, seconds }]) => {
        const before = since[name] ?? { frames: 0, seconds: 0 };
        // A loaded machine drops pictures; half of them are still a moving picture.
        const isMoving = frames - before.frames >= (WATCHED_SECONDS * FRAMES_A_SECOND) / 2;
        return !isMoving || seconds - before.seconds < WATCHED_SECONDS;
      })
      .map(([name, { frames, seconds, errors }]) => {
        return `${name}: ${frames} frames, ${seconds.toFixed(1)} s, ${errors.join("; ")}`;
      });
  try {
    await waitUntil(
      "all players advance",
      async () => {
        await delay(200);
        now = await report(page);
        return lags().length === 0;
      },
      PATIENCE_MS,
    );
  } catch (error) {
    const pictures = await takePicture(page, "players-stuck");
    const text = `${lags().join("\n")}\n${pictures}\n${weir.log().slice(-3000)}`;
    throw new Error(text, { cause: error });
  }
  return now;
}

/** Median of what pictures took from the publisher to the screen, in milliseconds. */
function delayOf({ seen }: PlayerReport, publisher: StampedPeer): number {
  const delays = seen
    .map(([stamp, at]) => publisher.delayOf(stamp, at))
    .filter((ms) => ms !== undefined)
    .sort((a, b) => a - b);
  return delays[Math.floor(delays.length / 2)] ?? assert.fail("no picture was recognised");
}

/** What is published at one time: the stream of each vhost. */
interface Round {
  readonly show: StampedPeer;
  readonly low: StampedPeer;
  end(): void;
}

async function publish(): Promise<Round> {
  const show = await StampedPeer.open(weir.url("show"), clip);
  const showing = new ClipPublisher(show, clip);
  const low = await StampedPeer.open(`rtmp://localhost:${weir.port}/live/show`, clip);
  const lowing = new ClipPublisher(low, clip);
  const end = (): void => {
    showing.close();
    lowing.close();
  };
  return { show, low, end };
}

test("mpegts.js plays FLV, hls.js HLS and LL-HLS, and all stay through a republish", {
  timeout: 170_000,
}, async (context) => {
  const page = await browser.newPage({ viewport: { width: 1000, height: 460 } });
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  await page.goto(served.url);

  const first = await publish();
  await start(page, "HTTP-FLV", `http://127.0.0.1:${http}/live/show.flv`);
  await start(page, "WS-FLV", `ws://127.0.0.1:${http}/live/show.flv`);
  await start(page, "HLS", `http://127.0.0.1:${http}/live/show.m3u8`);
  await start(page, "LL-HLS", `http://localhost:${http}/live/show.m3u8`);
  await waitAdvance(page, {});
  first.end();
  const between = await report(page);

  const second = await publish();
  const end = await waitAdvance(page, between);
  await takePicture(page, "players");
  second.end();

  for (const [name, player] of Object.entries(end)) {
    assert.deepEqual(player.errors, [], `${name} tells of errors`);
    assert.equal(player.width, 320);
    const delayMs = delayOf(player, name === "LL-HLS" ? second.low : second.show);
    context.diagnostic(
      `${name}: ${player.frames} frames, ${player.seconds.toFixed(1)} s, publisher to screen ${delayMs} ms`,
    );
    assert.ok(delayMs < DELAY_MAX_MS, `${name} is ${delayMs} ms late`);
  }
  assert.deepEqual(faults, []);
});
