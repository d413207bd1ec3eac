/** A disk that does not answer at all: nobody but the files notices, and the server still ends. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { HlsClient } from "../support/hls-client.ts";
import { runChecked } from "../support/process.ts";
import { isMedia, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import { startWeir } from "../support/weir.ts";
import { makeHlsClip, publishTo } from "./hls-runs.ts";

test("viewers are served, players see no gap, the server ends", { timeout: 60_000 }, async () => {
  const clip = await makeHlsClip();
  const http = await findFreePort();
  const directory = join(makeScratch(), "html");
  mkdirSync(join(directory, "live"), { recursive: true });
  // Opening a pipe that nobody reads waits for ever, as a file of a server that is gone does.
  await runChecked("mkfifo", [join(directory, "live", "a-0.ts.tmp")], { timeoutMs: 5000 });
  const weir = await startWeir({
    directives: `gateways 1; http_server { enabled on; listen 127.0.0.1:${http}; }`,
    vhost: `hls { enabled on; hls_fragment 0.4; hls_window 2; hls_ctx off; hls_path ${directory}; }`,
  });
  await waitUntil("http listens", () => isListening(http), 10_000);
  const client = new HlsClient(http);
  const publisher = await publishTo(weir.port, "a", clip);
  const player = await new RtmpPeer(weir.url("a"), "play").waitReady();
  const path = "/live/a.m3u8";
  await client.until(path, "the window moves", ({ mediaSequence }) => mediaSequence >= 3);
  const { segments } = await client.playlist(path);
  for (const { uri } of segments) {
    assert.equal((await client.get(`/live/${uri}`)).status, 200);
  }
  assert.ok(player.received.filter(isMedia).length > 50);
  const began = performance.now();
  await weir.process.stop("SIGTERM", 20_000);
  assert.ok(performance.now() - began < 15_000, "it did not end by itself");
  publisher.close();
  player.close();
});
