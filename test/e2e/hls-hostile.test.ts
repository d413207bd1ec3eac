/** Requests that no player sends: each gets an answer that gives nothing away, and viewers do not notice. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import type { ClipPublisher } from "../support/rtmp-peer.ts";
import { type HlsServer, makeHlsClip, publishTo, startHls } from "./hls-runs.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;
const PATH = "/live/a.m3u8";

/** Sends a request as it is. @returns the status; 0: the connection was closed without one. */
function statusOf(weir: HlsServer, method: string, target: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(weir.client.base).port), "127.0.0.1");
    let text = "";
    socket.setTimeout(WAIT_MS, () =>
      socket.destroy(new Error(`${target.slice(0, 50)}: no answer`)),
    );
    socket.on("data", (part: Buffer) => {
      text += part.toString("latin1");
      socket.end();
    });
    socket.on("close", () => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0)));
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNRESET" || error.code === "EPIPE") {
        resolve(0);
      } else {
        reject(error);
      }
    });
    socket.write(
      `${method} ${target} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    );
  });
}

for (const backend of ["node", "uws"] as const) {
  describe(`hostile requests (${backend})`, () => {
    let weir: HlsServer;
    let publisher: ClipPublisher;

    before(async () => {
      weir = await startHls({ backend });
      publisher = await publishTo(weir.port, "a", await makeHlsClip());
      const path = await weir.client.session(PATH);
      await weir.client.until(path, "segments", ({ segments }) => segments.length >= 2);
    });

    after(async () => {
      publisher?.close();
      await weir?.close();
    });

    test("paths that lead elsewhere lead nowhere", LIMIT, async () => {
      for (const path of [
        "/live/../../../../../../etc/passwd",
        "/live/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/live/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/live/..%5c..%5cetc%5cpasswd",
        "/live/x/../a.m3u8",
        "/live/%2e%2e.m3u8",
        "/live/a-0.ts%00",
        "/live/a%00.m3u8",
        "//h/live/a.m3u8",
        "/live/a.m3u8/",
        `/live/${"a".repeat(3000)}.m3u8`,
        "/live/%ff%fe.m3u8",
      ]) {
        const status = await statusOf(weir, "GET", path);
        assert.ok([0, 400, 403, 404, 414].includes(status), `${path}: ${status}`);
      }
    });

    test("playlists are not written to", LIMIT, async () => {
      for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
        assert.equal(await statusOf(weir, method, PATH), 405, method);
        assert.equal(await statusOf(weir, method, `${PATH}?hls_ctx=x`), 405, method);
      }
    });

    test("queries that are too long are refused, whoever reads them first", LIMIT, async () => {
      for (const length of [5000, 12_000, 200_000]) {
        const status = await statusOf(weir, "GET", `${PATH}?hls_ctx=x1&y=${"y".repeat(length)}`);
        assert.ok(status === 0 || status >= 400, `${length}: ${status}`);
      }
    });

    test("names of sessions that nobody gave are no way to anything", LIMIT, async () => {
      const path = await weir.client.session(PATH);
      const own = /hls_ctx=(\w+)/.exec(path)?.[1] ?? "";
      for (const id of [
        "../../x",
        "/__defaultVhost__/live/a",
        "x".repeat(65),
        "a b",
        "%00",
        `${own}%0d%0aX:y`,
      ]) {
        const { status, body } = await weir.client.get(`${PATH}?hls_ctx=${encodeURIComponent(id)}`);
        assert.equal(status, 200);
        assert.match(
          body.toString(),
          /^#EXTM3U\n#EXT-X-STREAM-INF:[^\n]+\n\/live\/a\.m3u8\?hls_ctx=\w{8}\n$/,
          id,
        );
      }
      // That of one stream is none of another's.
      assert.equal(await statusOf(weir, "GET", `/live/b.m3u8?hls_ctx=${own}`), 404);
      const { segments } = await weir.client.playlist(path);
      assert.ok(segments.length >= 2);
    });

    test("viewers do not notice", LIMIT, async () => {
      const path = await weir.client.session(PATH);
      for (const { uri } of (await weir.client.playlist(path)).segments) {
        assert.equal((await weir.client.get(`/live/${uri}`)).status, 200);
      }
      assert.equal(weir.server.supervisor.deaths, 0);
      assert.equal(publisher.peer.end, "open");
    });
  });
}
