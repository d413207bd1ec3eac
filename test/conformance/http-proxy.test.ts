/** nginx in front of HTTP-FLV: with the line that docs/operating.md names, and as it comes, which is HTTP/1.0. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { makeClip } from "../support/clips.ts";
import { type Frame, readFlv, readFlvBytes } from "../support/flv-file.ts";
import { HttpViewer } from "../support/http-viewer.ts";
import { startNginxProxy } from "../support/nginx-proxy.ts";
import { publishOnce } from "../support/publish-once.ts";
import { isMedia } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import type { RunningServer } from "../support/weir.ts";
import { REPOSITORY, startWeir } from "../support/weir.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;
const LINES = ["proxy_http_version 1.1;", "proxy_buffering off;"];

let clip: Frame[];

before(async () => {
  clip = readFlv(await makeClip(makeScratch(), "av", { seconds: 3 }));
});

test("the manual names the lines that are tested here", () => {
  const manual = readFileSync(join(REPOSITORY, "docs/operating.md"), "utf8");
  for (const line of LINES) {
    assert.ok(manual.includes(line), line);
  }
});

for (const backend of ["uws", "node"]) {
  describe(`nginx before ${backend}`, { concurrency: true }, () => {
    let weir: RunningServer;
    let http: number;
    const proxies: RunningServer[] = [];

    before(async () => {
      http = await findFreePort();
      weir = await startWeir({
        directives: `http_backend ${backend}; gateways 1; http_server { enabled on; listen 127.0.0.1:${http}; }`,
        vhost: "http_remux { enabled on; } play { play_wait 8000; }",
      });
      await waitUntil("http listens", () => isListening(http), WAIT_MS);
    });

    after(async () => {
      await Promise.all(proxies.map((proxy) => proxy.stop()));
      await weir?.stop();
    });

    async function proxied(directives: string, name: string): Promise<HttpViewer> {
      const proxy = await startNginxProxy(http, directives);
      proxies.push(proxy);
      return new HttpViewer(`http://127.0.0.1:${proxy.port}/live/${name}.flv`);
    }

    async function assertPlays(viewer: HttpViewer, name: string): Promise<void> {
      await publishOnce(weir.url(name), clip);
      const sent = clip.filter(isMedia).map((frame) => frame.hash);
      const hashes = (bytes: Buffer): string[] =>
        readFlvBytes(bytes)
          .filter(isMedia)
          .map((frame) => frame.hash);
      const isWhole = (bytes: Buffer): boolean => hashes(bytes).at(-1) === sent.at(-1);
      const got = hashes(await viewer.waitBody("the last message", isWhole, WAIT_MS));
      viewer.close();
      assert.equal(viewer.status, 200);
      assert.equal(viewer.headers["content-type"], "video/x-flv");
      assert.ok(got.length > sent.length / 2);
      assert.deepEqual(got, sent.slice(-got.length));
    }

    test("with HTTP/1.1 it plays", LIMIT, async () => {
      await assertPlays(await proxied(LINES.join(" "), "new"), "new");
    });

    if (backend === "node") {
      test("with HTTP/1.0 it plays", LIMIT, async () => {
        await assertPlays(
          await proxied("proxy_http_version 1.0; proxy_buffering off;", "old"),
          "old",
        );
      });
    } else {
      test("with HTTP/1.0 it is refused, and says so", LIMIT, async () => {
        const viewer = await proxied("proxy_http_version 1.0;", "old");
        assert.equal((await viewer.answered(WAIT_MS)).status, 505);
      });
    }
  });
}
