/**
 * E-10: where playing needs permission, a stranger gets nothing of HLS, from memory or disk, and whoever was let in plays
 * it, from either gateway.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { signedQuery } from "../../src/main/tokens/signed-url.ts";
import type { Frame } from "../support/flv-file.ts";
import { HookServer } from "../support/hook-server.ts";
import type { ReadPlaylist } from "../support/playlist-check.ts";
import { runChecked } from "../support/process.ts";
import type { ClipPublisher } from "../support/rtmp-peer.ts";
import { makeScratch, waitUntil } from "../support/scratch.ts";
import { type HlsServer, makeHlsClip, publishTo, startHls } from "./hls-runs.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;
const SECRET = "the-secret";
const PATH = "/live/a.m3u8";
/** Longer than all that is published: what was listed once is there. */
const WINDOW = "hls_window 60;";

let clip: Frame[];

before(async () => {
  clip = await makeHlsClip();
});

/** A server whose files can be asked for below /files/. */
async function startGuarded(
  backend: "uws" | "node",
  hls: string,
  hooks: HookServer,
): Promise<HlsServer> {
  const directory = makeScratch();
  writeFileSync(join(directory, "page.html"), "a page");
  return startHls({
    ...{ backend, directory, hls: `${hls} ${WINDOW}` },
    vhost: `token { enabled on; publish off; secret ${SECRET}; } ${hooks.directives(["on_play"])}
      http_static { enabled on; mount [vhost]/files; dir ${directory}; }`,
  });
}

function ticket(stream: string): string {
  const expires = Math.floor(Date.now() / 1000) + 60;
  const what = { action: "play", vhost: "__defaultVhost__", app: "live", expires, ip: "" } as const;
  return signedQuery(SECRET, { ...what, stream });
}

/** All that a playlist names and that is there. */
function named({ segments, openParts, openMap }: ReadPlaylist): string[] {
  const uris = segments.flatMap(({ uri, key, map, parts }) => [
    // A key with its vector.
    ...[uri, key?.split(" ")[0] ?? null, map],
    ...parts.map((part) => part.uri),
  ]);
  const rest = [...openParts.map(({ uri }) => uri), openMap];
  return [...new Set([...uris, ...rest].filter((uri) => uri !== null))];
}

async function statusesOf({ client }: HlsServer, paths: readonly string[]): Promise<Set<number>> {
  const answers = await Promise.all(paths.map((path) => client.get(path)));
  return new Set(answers.map(({ status }) => status));
}

/** All get one status, once both gateways have heard of what is asked for: until then it is not there. */
async function assertAll(weir: HlsServer, paths: readonly string[], status: number): Promise<void> {
  let found = new Set<number>();
  await waitUntil(
    `all are ${status}`,
    async () => {
      found = await statusesOf(weir, paths);
      const others = [...found].filter((one) => one !== status && one !== 404);
      assert.deepEqual(others, [], paths.join("\n"));
      return found.size === 1 && found.has(status);
    },
    WAIT_MS,
  );
}

describe("signed", { concurrency: 2 }, () => {
  for (const [backend, what, hls, kinds] of [
    [
      "uws",
      "LL-HLS",
      "hls_use_fmp4 on; hls_ll on; hls_part 0.2;",
      /\/init\.mp4|a-\d+\.\d+\.m4s|a-\d+\.m4s/,
    ],
    ["node", "keys", "hls_keys on; hls_fragments_per_key 2;", /a-\d+\.key|a-\d+\.ts/],
  ] as const) {
    // One after the other: they are about one server, and the last changes it. They would inherit the two at one time.
    describe(`${what} on ${backend}`, { concurrency: 1 }, () => {
      let hooks: HookServer;
      let weir: HlsServer;
      let publisher: ClipPublisher;
      let path: string;
      let uris: string[];

      before(async () => {
        hooks = await HookServer.start();
        weir = await startGuarded(backend, hls, hooks);
        publisher = await publishTo(weir.port, "a", clip);
        await waitUntil(
          "there is a playlist",
          async () => (await weir.client.get(PATH + ticket("a"))).status === 200,
          WAIT_MS,
        );
        path = await weir.client.session(PATH + ticket("a"));
        const playlist = await weir.client.until(
          path,
          "segments",
          ({ segments }) => segments.length >= 4,
        );
        uris = named(playlist).map((uri) => join("/live", uri));
      });

      after(async () => {
        publisher?.close();
        await weir?.close();
        await hooks?.close();
      });

      test(
        "whoever was let in gets each thing that is listed, from both gateways",
        LIMIT,
        async () => {
          const asked = hooks.of("on_play").length;
          assert.ok(uris.every((uri) => kinds.test(uri) && /\?hls_ctx=\w+&hls_sign=/.test(uri)));
          for (let round = 0; round < 4; round += 1) {
            await assertAll(weir, uris, 200);
          }
          assert.equal(hooks.of("on_play").length, asked, "and nobody is asked about it");
        },
      );

      if (backend === "uws") {
        test("a part that was announced comes to whoever was let in", LIMIT, async () => {
          const { preloadHint } = await weir.client.playlist(path);
          const hint = join("/live", preloadHint ?? assert.fail("none"));
          assert.match(hint, /hls_sign=/);
          assert.equal((await weir.client.get(hint.split("?")[0] ?? "")).status, 403);
          assert.equal((await weir.client.get(hint)).status, 200);
        });
      }

      test("a stranger gets nothing", LIMIT, async () => {
        const { client } = weir;
        assert.equal((await client.get(PATH)).status, 403);
        assert.equal((await client.get(PATH + ticket("b"))).status, 403);
        const signs = uris.map((uri) => uri.replace(/hls_sign=.{4}/, "hls_sign=AAAA"));
        const bare = uris.map((uri) => uri.split("?")[0] ?? "");
        const sessions = uris.map((uri) => uri.split("&")[0] ?? "");
        for (const wrong of [bare, sessions, signs]) {
          await assertAll(weir, wrong, 403);
        }
        assert.equal(await client.head(bare[0] ?? ""), 403);
        // Nor what lies on disk, whose playlist names everything.
        const files = ["live/a.m3u8", ...bare.map((uri) => uri.slice(1))];
        const onDisk = files.filter((name) => !/a-\d+\.\d+\.m4s/.test(name));
        await waitUntil(
          "it is all on disk",
          async () => {
            const found = await statusesOf(
              weir,
              onDisk.map((name) => `/files/${name}`),
            );
            assert.ok(!found.has(200));
            return !found.has(404);
          },
          WAIT_MS,
        );
        assert.equal((await client.get("/files/page.html")).status, 200);
      });

      test("ffprobe plays it with the ticket alone", LIMIT, async () => {
        const url = `${weir.client.base}${PATH}${ticket("a")}`;
        const args = ["-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets"];
        const few = ["-read_intervals", "%+#40", "-of", "csv=p=0", "-allowed_extensions", "ALL"];
        const { stdout, stderr } = await runChecked("ffprobe", [...args, ...few, url], {
          timeoutMs: 30_000,
        });
        const counts = stdout.split("\n").map(Number);
        assert.ok(Math.max(...counts) >= 10, `${stdout}\n${stderr}`);
        assert.doesNotMatch(stderr, /403|Forbidden/);
      });

      test("a viewer that is ended gets nothing more", LIMIT, async () => {
        const id = /hls_ctx=(\w+)/.exec(path)?.[1];
        const client = [...weir.server.clients].find((one) => one.id === id);
        const link = weir.server.supervisor.links[client?.shard ?? -1];
        assert.equal(await link?.kick(client?.row ?? -1, "kicked"), true);
        const isOver = async (): Promise<boolean> =>
          [...(await statusesOf(weir, [...uris, ...uris]))].join() === "404";
        await waitUntil("both gateways know", isOver, WAIT_MS);
      });

      test("reloads take it off and put it on again", LIMIT, async () => {
        const bare = uris.map((uri) => uri.split("?")[0] ?? "");
        await weir.reloadHls(`${hls} ${WINDOW}`, { vhost: "" });
        const free = async (): Promise<boolean> =>
          [...(await statusesOf(weir, [...bare, ...bare]))].join() === "200";
        await waitUntil("everybody gets it", free, WAIT_MS);
        const own = await weir.client.session(PATH);
        const names = async (): Promise<string> => named(await weir.client.playlist(own)).join();
        assert.doesNotMatch(await names(), /hls_sign/);
        const rules = `token { enabled on; publish off; secret ${SECRET}; }`;
        await weir.reloadHls(`${hls} ${WINDOW}`, { vhost: rules });
        await waitUntil("it is signed", async () => /hls_sign/.test(await names()), WAIT_MS);
        assert.equal((await weir.client.get(PATH)).status, 403);
      });
    });
  }
});
