/** The web console on a server with streams: what an operator does there, with keys too, and what strangers write. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { startChromium, takePicture } from "../support/browser.ts";
import { startProcess } from "../support/process.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import { makeStampedClip } from "../support/stamped-clip.ts";
import {
  makeWeirConf,
  type RunningServer,
  startWeir,
  WEIR,
  waitForServer,
} from "../support/weir.ts";

const LIMIT = { timeout: 120_000 };
/** For a machine that is busy with other things. */
const PATIENCE_MS = 40_000;
/** What strangers may fill in wherever they fill in anything. */
const PACK = [
  `<img src=x onerror="globalThis.struck=1">`,
  `<script>globalThis.struck=1</script>`,
  `"><svg onload=globalThis.struck=1>`,
  `' onmouseover='globalThis.struck=1`,
  `</td></tr></table><iframe srcdoc="<script>parent.struck=1</script>">`,
  `</script><script>globalThis.struck=1</script>`,
  `</style><link rel=stylesheet href=//evil.invalid/x.css>`,
  `</title><meta http-equiv=refresh content="0;url=//evil.invalid">`,
  `<base href=//evil.invalid/>`,
  `<a href="javascript:globalThis.struck=1">x</a>`,
  `javascript:globalThis.struck=1`,
  `data:text/html,<script>struck=1</script>`,
  `<object data="data:text/html,x"></object><embed src=x>`,
  `<math><mtext><img src=x onerror=struck=1></mtext></math>`,
  `<template><img src=x></template><noscript><img src=x></noscript>`,
  `<input autofocus onfocus=struck=1><video src=x onerror=struck=1>`,
  `<!--<img src="--><img src=x onerror=struck=1>">`,
  `<![CDATA[<img src=x onerror=struck=1>]]>`,
  `&lt;img src=x onerror=struck=1&gt; &#60;img src=x&#62;`,
  `\u003cimg src=x onerror=struck=1\u003e %3Cimg%20src=x%3E`,
  `\u2028<img src=x>\u0000<img src=x>\ufeff`,
  "{{constructor.constructor('struck=1')()}} #{struck=1} <%= struck=1 %>",
  `__proto__ constructor [object Object] $& $1`,
  `<form action=//evil.invalid><button>Kick</button></form>`,
];
const HOSTILE = PACK.join(" ");
/** Nodes that the page itself never has. */
const STRANGE =
  "img,svg,script:not([src]),iframe,object,embed,math,template,base,meta[http-equiv],[onerror],[onload],[onfocus],[onmouseover],a:not([href^='#'])";

let weir: RunningServer;
let file: string;
let base: string;
let browser: Browser;
const players: RtmpPeer[] = [];
let publisher: ClipPublisher;

before(async () => {
  const directory = makeScratch();
  const [port, http] = [await findFreePort(), await findFreePort()];
  base = `http://127.0.0.1:${http}`;
  file = join(directory, "weir.conf");
  writeFileSync(
    file,
    makeWeirConf(directory, port, {
      workers: 2,
      directives: [
        "max_connections 300; spill_players 1; gateways 1; auto_reload_for_docker off;",
        `http_server { enabled on; listen 127.0.0.1:${http}; }`,
        `http_api { enabled on; listen 127.0.0.1:${http}; raw_api { enabled on; allow_reload on; } }`,
      ].join("\n"),
      vhost: "http_remux { enabled on; } hls { enabled on; hls_fragment 2; hls_window 12; }",
    }),
  );
  const started = startProcess(WEIR, ["-c", file], { cwd: directory });
  weir = await waitForServer("weir", started, port);
  await waitUntil("http listens", () => isListening(http), PATIENCE_MS);
  const clip = await makeStampedClip(makeScratch(), 10);
  const peer = await new RtmpPeer(weir.url("show"), "publish").waitReady(PATIENCE_MS);
  publisher = new ClipPublisher(peer, clip);
  for (const name of ["show", "show", "show", "show"]) {
    const player = await new RtmpPeer(weir.url(name), "play").waitReady(PATIENCE_MS);
    players.push(player);
  }
  browser = await startChromium();
});

after(async () => {
  await browser?.close();
  for (const player of players) {
    player.close();
  }
  publisher?.close();
  await weir?.stop();
});

/** A page with the console; scripts that fail and addresses outside are faults. */
async function openConsole(
  options: BrowserContextOptions = {},
): Promise<{ page: Page; faults: string[] }> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, ...options });
  page.setDefaultTimeout(PATIENCE_MS);
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" && /Content Security Policy/i.test(message.text())) {
      faults.push(message.text());
    }
  });
  page.on("request", (request) => {
    if (!/^(blob:|data:|http:\/\/127\.0\.0\.1:)/.test(request.url())) {
      faults.push(`asks ${request.url()}`);
    }
  });
  await page.goto(`${base}/console/`);
  return { page, faults };
}

async function textOf(page: Page): Promise<string> {
  return (await page.locator("main").textContent()) ?? "";
}

test("a live stream is opened with keys alone, and plays", LIMIT, async () => {
  const { page, faults } = await openConsole();
  await page.getByRole("link", { name: "live/show" }).focus();
  await page.keyboard.press("Enter");
  await page.getByText("H264", { exact: false }).first().waitFor();
  await page.getByRole("button", { name: "Watch HTTP-FLV" }).focus();
  await page.keyboard.press("Space");
  const frames = (): Promise<number> =>
    page.locator("video").evaluate((video) => {
      const { getVideoPlaybackQuality } = video as unknown as {
        getVideoPlaybackQuality(): { totalVideoFrames: number };
      };
      return getVideoPlaybackQuality.call(video).totalVideoFrames;
    });
  const stop = async (): Promise<void> => {
    await page.getByRole("button", { name: "Stop" }).click();
    await waitUntil("the player is gone", async () => (await frames()) === 0, PATIENCE_MS);
  };
  await waitUntil("frames come", async () => (await frames()) > 0, PATIENCE_MS);
  const first = await frames();
  await waitUntil("frames advance", async () => (await frames()) > first + 15, PATIENCE_MS);
  await takePicture(page, "console-streams");
  await stop();
  await page.getByRole("button", { name: "Watch WS-FLV" }).click();
  await waitUntil("frames come by WebSocket", async () => (await frames()) > 15, PATIENCE_MS);
  await stop();
  await page.getByRole("button", { name: "Watch HLS" }).click();
  await waitUntil("frames come by HLS", async () => (await frames()) > 15, PATIENCE_MS);
  const urls = await textOf(page);
  assert.match(urls, new RegExp(`${base}/live/show\\.flv`));
  assert.match(urls, new RegExp(weir.url("show")));
  assert.deepEqual(faults, []);
  await page.close();
});

test("a client is kicked after a second press", LIMIT, async () => {
  const { page, faults } = await openConsole();
  await page.getByRole("link", { name: "Clients", exact: true }).click();
  const row = page.getByRole("row", { name: /rtmp-play/ }).first();
  const button = row.getByRole("button", { name: /Kick/ });
  await button.waitFor();
  await takePicture(page, "console-clients");
  await button.focus();
  await page.keyboard.press("Enter");
  assert.equal(players.filter(({ end }) => end !== "open").length, 0, "one press is not enough");
  const hasEnded = (): boolean => players.some(({ end }) => end !== "open");
  // A slow machine may take longer than the button waits for the second press: then it is pressed anew.
  const pressOn = async (): Promise<boolean> => {
    await page.keyboard.press("Enter");
    await delay(500);
    return hasEnded();
  };
  await waitUntil("a player's connection has ended", pressOn, PATIENCE_MS);
  const rows = page.getByRole("row", { name: /rtmp-play/ });
  const count = async (): Promise<boolean> => (await rows.count()) === players.length - 1;
  await waitUntil("it is not listed any more", count, PATIENCE_MS);
  assert.deepEqual(faults, []);
  await page.close();
});

test("a reload shows its plan first", LIMIT, async () => {
  const { page, faults } = await openConsole();
  await page.getByRole("link", { name: "Settings", exact: true }).click();
  const settings = page.getByRole("table", { name: "Settings" });
  await settings.getByText("max_connections", { exact: true }).waitFor();
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.replace("max_connections 300", "max_connections 301"));
  await page.getByRole("button", { name: "Show what a reload would change" }).click();
  const changes = page.getByRole("table", { name: "Changes" });
  await changes.getByText("301").waitFor();
  assert.doesNotMatch(weir.log(), /max_connections: 300 -> 301/, "a plan changes nothing");
  await takePicture(page, "console-settings");
  await page.getByRole("button", { name: "Reload now" }).click();
  await page.getByText("The reload is done").waitFor();
  await waitUntil(
    "the reload is logged",
    () => /max_connections: 300 -> 301/.test(weir.log()),
    PATIENCE_MS,
  );
  writeFileSync(file, text.replace("max_connections 300", "max_conections 302"));
  await page.getByRole("button", { name: "Show what a reload would change" }).click();
  await page.getByText(/weir\.conf:\d+.*max_conections/).waitFor();
  assert.deepEqual(faults, []);
  await page.close();
});

test("on a phone every page fits the width", LIMIT, async () => {
  const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
  const { page, faults } = await openConsole({ ...phone, colorScheme: "dark" });
  for (const name of ["Streams", "Clients", "Server", "Settings"]) {
    await page.getByRole("link", { name, exact: true }).tap();
    await page.locator("tbody tr").first().waitFor();
    await takePicture(page, `console-phone-${name.toLowerCase()}`);
    const width = await page.evaluate("document.documentElement.scrollWidth");
    assert.equal(width, 390, `${name} is wider than the screen`);
    const cut = await page.evaluate(
      "[...document.querySelectorAll('main *')].filter((one) => one.getBoundingClientRect().right > 390).length",
    );
    assert.equal(cut, 0, `${name} has parts beyond the screen`);
  }
  await page.getByRole("link", { name: "Streams", exact: true }).tap();
  await page.getByRole("link", { name: "live/show" }).tap();
  await page.getByRole("button", { name: "Watch HTTP-FLV" }).waitFor();
  await takePicture(page, "console-phone-stream");
  assert.deepEqual(faults, []);
  await page.close();
});

test("what strangers write stays text", LIMIT, async () => {
  const { page, faults } = await openConsole();
  // Whatever a later admission or API refuses: the page itself trusts nothing.
  await page.route("**/api/v1/**", async (route) => {
    try {
      const response = await route.fetch();
      const body = spoil(await response.json());
      await route.fulfill({ response, body: JSON.stringify(body) });
    } catch {
      // The page has gone on to the next one.
    }
  });
  for (const name of ["Streams", "Clients", "Server", "Settings"]) {
    await page.goto(`${base}/console/#/${name.toLowerCase()}`);
    await page.reload();
    await page.locator("main").getByText("onerror=", { exact: false }).first().waitFor();
    if (name === "Streams") {
      await page.locator("a.stream-name").first().click();
      await page.locator(".facts").waitFor();
    }
    const text = (await textOf(page)).replaceAll("\0", "");
    const missing = PACK.filter((one) => !text.includes(one.replaceAll("\0", "")));
    assert.deepEqual(missing, [], `${name} does not show it as it is`);
    const found = await page.evaluate(
      `[...document.querySelectorAll(${JSON.stringify(STRANGE)})].map((one) => one.outerHTML)`,
    );
    assert.deepEqual(found, [], `${name} made something of it`);
    assert.equal(await page.evaluate("globalThis.struck ?? 0"), 0);
  }
  assert.deepEqual(faults, []);
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await page.close();
});

test("an API with credentials asks for them", LIMIT, async () => {
  const port = await findFreePort();
  const guarded = await startWeir({
    directives: `http_api { enabled on; listen 127.0.0.1:${port}; auth { enabled on; username op; password "päss word"; } }`,
  });
  await waitUntil("the API listens", () => isListening(port), PATIENCE_MS);
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(`http://127.0.0.1:${port}/console/`);
  await page.getByLabel("Name").fill("op");
  await page.getByLabel("Password").fill("guess");
  await page.keyboard.press("Enter");
  await page.getByText("not accepted").waitFor();
  await takePicture(page, "console-sign-in");
  await page.getByLabel("Name").fill("op");
  await page.getByLabel("Password").fill("päss word");
  await page.keyboard.press("Enter");
  await page.getByText("Nobody publishes anything right now.").waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Password").waitFor();
  await page.close();
  await guarded.stop();
});

test("players of each thread are shown", LIMIT, async () => {
  const { page, faults } = await openConsole({ colorScheme: "dark" });
  await page.getByRole("link", { name: "Server", exact: true }).click();
  const players = async (thread: string): Promise<string> => {
    const row = page.getByRole("row", { name: new RegExp(thread) });
    return (await row.locator(`td[data-label="Players"]`).textContent()) ?? "";
  };
  await waitUntil(
    "both shards have players",
    async () => Number(await players("shard-0")) > 0 && Number(await players("shard-1")) > 0,
    PATIENCE_MS,
  );
  // The second figure comes when the server is twenty seconds old.
  await page.locator(".plot canvas").first().waitFor();
  await takePicture(page, "console-server-dark");
  assert.deepEqual(faults, []);
  await page.close();
});

/** Every text of an answer with markup in it; the words that the page decides by stay. */
function spoil(value: unknown, name = ""): unknown {
  if (Array.isArray(value)) {
    return name === "columns" ? value : value.map((one) => spoil(one, name));
  }
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, spoil(one, key)]));
  }
  return typeof value === "string" && !["mount", "id", "vhost"].includes(name)
    ? `${value}${HOSTILE}`
    : value;
}
