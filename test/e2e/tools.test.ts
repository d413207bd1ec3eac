/** `weir ctl` and `weir top` against a running server. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type ApiServer, startApi } from "../support/api.ts";
import { readFlv } from "../support/flv-file.ts";
import { type CommandResult, runCommand } from "../support/process.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { waitUntil } from "../support/scratch.ts";
import { REPOSITORY, WEIR } from "../support/weir.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;

let weir: ApiServer;
let publisher: ClipPublisher;

function run(...words: readonly string[]): Promise<CommandResult> {
  return runCommand(WEIR, [...words, "--api", weir.api], { timeoutMs: WAIT_MS });
}

before(async () => {
  weir = await startApi({ httpApi: "raw_api { enabled on; allow_reload on; }" });
  const frames = readFlv(join(REPOSITORY, "test/fixtures/flv/h264-aac-b-frames.flv"));
  const peer = await new RtmpPeer(weir.url("seen"), "publish").waitReady(WAIT_MS);
  publisher = new ClipPublisher(peer, frames);
  const hasCodecs = async (): Promise<boolean> =>
    (await weir.get("/api/v1/streams")).streams[0]?.video !== null;
  await waitUntil("the stream is described", hasCodecs, WAIT_MS);
});

after(async () => {
  publisher?.close();
  await weir?.stop();
});

describe("tools", LIMIT, () => {
  test("top draws the stream with its codecs, and the thread", async () => {
    const { code, stdout } = await run("top", "--once");
    assert.equal(code, 0);
    assert.match(stdout, /1 streams, 1 clients/);
    assert.match(stdout, /^\/live\/seen +live +1 .* H264 \d+x\d+ AAC +shard-0$/m);
    assert.match(stdout, /^shard-0 +up +0 +1 /m);
  });

  test("top asks for no more clients than it shows", async () => {
    const asked: string[] = [];
    const proxy = createServer((request, response) => {
      asked.push(request.url ?? "");
      weir.raw(request.url ?? "").then(
        async (reply) => response.end(await reply.text()),
        () => response.destroy(),
      );
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const { port } = proxy.address() as AddressInfo;
    const options = { timeoutMs: WAIT_MS };
    const words = ["top", "--once", "--api", `http://127.0.0.1:${port}`];
    const { stdout } = await runCommand(WEIR, words, options);
    proxy.close();
    assert.match(stdout, /1 streams, 1 clients/);
    const counts = asked.map((url) => /clients\/\?count=(\d+)/.exec(url)?.[1]);
    assert.deepEqual(
      counts.filter((count) => count !== undefined),
      ["1"],
    );
  });

  test("ctl lists, tells what a reload did, and kicks", async () => {
    assert.match((await run("ctl", "streams")).stdout, /\/live\/seen +live/);
    assert.equal((await run("ctl", "plan")).stdout, "no difference\n");
    assert.equal((await run("ctl", "reload")).stdout, "no difference\n");
    const { stdout } = await run("ctl", "clients");
    const [, id = ""] = /^(\w{8}) +fmle-publish/m.exec(stdout) ?? assert.fail(stdout);
    assert.equal((await run("ctl", "kick", id)).code, 0);
    await waitUntil("the publisher is gone", () => publisher.peer.end !== "open", WAIT_MS);
    const again = await run("ctl", "kick", id);
    assert.deepEqual([again.code, again.stderr], [1, "there is no such client (code 2049)\n"]);
  });

  test("a server that is not there is told in one line", async () => {
    const options = { timeoutMs: WAIT_MS };
    const gone = await runCommand(WEIR, ["ctl", "--api", "http://127.0.0.1:1", "streams"], options);
    assert.deepEqual([gone.code, gone.stderr.split("\n").length], [1, 2]);
    assert.match((await runCommand(WEIR, ["ctl"], options)).stdout, /^Usage: weir ctl/);
  });
});
