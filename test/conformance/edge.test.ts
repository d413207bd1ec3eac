/** Edges in front of weir and of nginx-rtmp, with the configuration files that come with weir. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { makeClip } from "../support/clips.ts";
import { startPublishLoop } from "../support/ffmpeg.ts";
import { startNginxRtmp } from "../support/nginx-rtmp.ts";
import type { Packet } from "../support/packets.ts";
import { assertPassed, probePackets } from "../support/packets.ts";
import { startRtmpdump } from "../support/peers.ts";
import { findFreePort, makeScratch } from "../support/scratch.ts";
import type { RunningServer } from "../support/weir.ts";
import { REPOSITORY, startWeir } from "../support/weir.ts";

const ORIGIN_PORT = "19350";
const EDGE_PORT = "1935";

const scratch = makeScratch();
const servers: RunningServer[] = [];
let clip: string;
let source: Packet[];

before(async () => {
  clip = await makeClip(scratch, "clip", { seconds: 30 });
  source = await probePackets(clip, { timeoutMs: 10_000 });
});

after(() => Promise.all(servers.map((server) => server.stop())));

/** A sample configuration, its ports replaced by free ones. */
function sample(name: string, ports: Readonly<Record<string, number>>): string {
  const text = readFileSync(join(REPOSITORY, "conf", name), "utf8");
  return text.replace(/\b(?:19350|1935)\b/g, (port) => String(ports[port] ?? port));
}

async function startEdge(origin: number): Promise<RunningServer> {
  const port = await findFreePort();
  const conf = sample("edge.conf", { [EDGE_PORT]: port, [ORIGIN_PORT]: origin });
  const edge = await startWeir({ port, conf });
  servers.push(edge);
  return edge;
}

async function startOrigin(): Promise<RunningServer> {
  const port = await findFreePort();
  const conf = sample("origin.conf", { [ORIGIN_PORT]: port });
  const origin = await startWeir({ port, conf });
  servers.push(origin);
  return origin;
}

async function assertPlays(url: string): Promise<void> {
  const received = await probePackets(url, { seconds: 3, timeoutMs: 20_000 });
  assertPassed(source, received, { countMin: 60 });
}

describe("an edge", { timeout: 120_000, concurrency: 3 }, () => {
  test("players at the edge get what ffmpeg publishes at the origin", async () => {
    const origin = await startOrigin();
    const edge = await startEdge(origin.port);
    const publisher = startPublishLoop(clip, origin.url("livestream"));
    await delay(1200);
    await assertPlays(edge.url("livestream"));
    const file = join(scratch, "dump.flv");
    const dump = startRtmpdump(edge.url("livestream"), file, { hasDigest: false });
    await delay(4500);
    assert.ok(dump.isRunning, dump.stderr.slice(-2000));
    await dump.stop("SIGINT");
    assertPassed(source, await probePackets(file, { timeoutMs: 10_000 }), { countMin: 60 });
    await publisher.stop();
    assert.equal(edge.log().match(/ pull, stream=/g)?.length, 1);
    const [, id = "none"] = /\[([a-z0-9]{8})\] pull, stream=/.exec(edge.log()) ?? [];
    assert.match(
      origin.log(),
      new RegExp(`edge-srs ip=127\\.0\\.0\\.1, pid=${edge.pid}, id=${id}`),
    );
  });

  test("what ffmpeg publishes at the edge is played at the origin and at the edge", async () => {
    const origin = await startOrigin();
    const edge = await startEdge(origin.port);
    const publisher = startPublishLoop(clip, edge.url("pushed"));
    await delay(1500);
    await assertPlays(origin.url("pushed"));
    await assertPlays(edge.url("pushed"));
    assert.doesNotMatch(edge.log(), / pull, stream=/);
    assert.match(origin.log(), /flash-publish/);
    await publisher.stop();
  });

  test("an edge may be the origin of another one", async () => {
    const origin = await startOrigin();
    const middle = await startEdge(origin.port);
    const edge = await startEdge(middle.port);
    const publisher = startPublishLoop(clip, origin.url("tree"));
    await delay(1200);
    await assertPlays(edge.url("tree"));
    await publisher.stop();
  });

  test("nginx-rtmp as the origin: pulled from and pushed to", async () => {
    const nginx = await startNginxRtmp("");
    servers.push(nginx);
    const edge = await startEdge(nginx.port);
    const publisher = startPublishLoop(clip, nginx.url("pulled"));
    await delay(1500);
    await assertPlays(edge.url("pulled"));
    await publisher.stop();
    const pusher = startPublishLoop(clip, edge.url("sent"));
    await delay(1500);
    await assertPlays(nginx.url("sent"));
    await pusher.stop();
  });

  test("nginx-rtmp as an edge of the edge", async () => {
    const origin = await startOrigin();
    const edge = await startEdge(origin.port);
    const nginx = await startNginxRtmp(`pull rtmp://127.0.0.1:${edge.port}/live;`);
    servers.push(nginx);
    const publisher = startPublishLoop(clip, origin.url("far"));
    await delay(1200);
    await assertPlays(nginx.url("far"));
    await publisher.stop();
  });
});
