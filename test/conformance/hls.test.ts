/** What is published by RTMP is what HLS viewers get, whatever container, encryption and HTTP library. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { makeClip } from "../support/clips.ts";
import { startPublish } from "../support/ffmpeg.ts";
import { readFlv } from "../support/flv-file.ts";
import { HlsClient } from "../support/hls-client.ts";
import {
  assertSame,
  decodedPictures,
  type KeptFrame,
  probeTimes,
  readFrames,
} from "../support/mux-source.ts";
import { PlaylistWatch, readPlaylist } from "../support/playlist-check.ts";
import { runChecked, type TestProcess } from "../support/process.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import type { RunningServer } from "../support/weir.ts";
import { startWeir } from "../support/weir.ts";

const LIMIT = { timeout: 60_000 };
const SECONDS = 4;
const LOCAL = ["-allowed_extensions", "ALL"];
const scratch = makeScratch();
let clip: string;
let frames: KeptFrame[];
let pictures: string[];

before(async () => {
  clip = await makeClip(scratch, "clip", { seconds: SECONDS });
  frames = readFrames(readFlv(clip));
  pictures = await decodedPictures(clip);
});

/** A vhost for each form, told apart by the publisher's and viewers' `vhost=`. */
const FORMS = {
  ts: "",
  fmp4: "hls_use_fmp4 on;",
  keys: "hls_keys on; hls_fragments_per_key 2; hls_ctx off;",
  both: "hls_use_fmp4 on; hls_keys on; hls_fragments_per_key 1;",
} as const;
type FormName = keyof typeof FORMS;

function vhost(name: FormName, backend: string): string {
  const files = `hls_path ${join(scratch, backend, name)};`;
  return `vhost ${name} { hls { enabled on; hls_fragment 0.9; ${files} ${FORMS[name]} } }`;
}

/** The playlist of a viewer, with or without a session. */
async function playlistOf(client: HlsClient, form: FormName, name: string): Promise<string> {
  const path = `/live/${name}.m3u8?vhost=${form}`;
  return form === "keys" ? path : await client.session(path);
}

/** The containers do not differ by what serves them. */
const BACKENDS: Readonly<Record<string, readonly FormName[]>> = {
  uws: ["ts", "fmp4", "keys", "both"],
  node: ["ts", "fmp4", "keys"],
};

class Run {
  readonly client: HlsClient;
  readonly #weir: RunningServer;

  private constructor(weir: RunningServer, http: number) {
    this.#weir = weir;
    this.client = new HlsClient(http);
  }

  static async start(backend: string): Promise<Run> {
    const http = await findFreePort();
    const port = await findFreePort();
    const weir = await startWeir({
      port,
      conf: [
        `listen 127.0.0.1:${port}; daemon off; srs_log_tank console;`,
        `pid ${join(scratch, backend)}.pid;`,
        `workers 2; http_backend ${backend}; gateways 2;`,
        `http_server { enabled on; listen 127.0.0.1:${http}; }`,
        ...Object.keys(FORMS).map((name) => vhost(name as FormName, backend)),
      ].join("\n"),
    });
    await waitUntil("http listens", () => isListening(http), 5000);
    return new Run(weir, http);
  }

  publish(form: FormName, name: string): TestProcess {
    const url = `rtmp://127.0.0.1:${this.#weir.port}/live?vhost=${form}/${name}`;
    return startPublish(clip, url);
  }

  /** Publishes the whole clip. @returns the playlist of a viewer that came meanwhile. */
  async publishAll(form: FormName, name: string): Promise<string> {
    const publisher = this.publish(form, name);
    await waitUntil(
      "the stream is live",
      async () => (await this.client.head(`/live/${name}.m3u8?vhost=${form}`)) === 200,
      20_000,
    );
    const path = await playlistOf(this.client, form, name);
    const watch = new PlaylistWatch();
    await this.client.until(path, "two segments", ({ segments }) => segments.length >= 2);
    watch.read((await this.client.get(path)).body.toString());
    assert.equal((await publisher.waitEnd(20_000)).code, 0);
    await this.client.until(path, "all segments", ({ segments }) => {
      return segments.reduce((sum, segment) => sum + segment.seconds, 0) > SECONDS - 0.1;
    });
    watch.read((await this.client.get(path)).body.toString());
    return path;
  }

  stop(): Promise<unknown> {
    return this.#weir.stop();
  }
}

describe("HLS", { concurrency: 2 }, () => {
  for (const [backend, forms] of Object.entries(BACKENDS)) {
    describe(`on ${backend}`, () => {
      let run: Run;
      const paths = new Map<FormName, string>();

      before(async () => {
        run = await Run.start(backend);
        await Promise.all(
          forms.map(async (form) => paths.set(form, await run.publishAll(form, "clip"))),
        );
      });

      after(() => run?.stop());

      for (const form of forms) {
        test(`${form}: packets, times and pictures are those published`, LIMIT, async () => {
          const file = await run.client.save(paths.get(form) ?? "", scratch, `${form}-${backend}`);
          const packets = await probeTimes(file, LOCAL);
          assertSame(packets, frames, {
            audioToleranceMs: 1.01,
            hasHashes: form === "fmp4" || form === "both",
          });
          assert.deepEqual(await decodedPictures(file, LOCAL), pictures);
        });

        test(`${form}: ffmpeg plays the live URL`, LIMIT, async () => {
          const { stdout, stderr } = await runChecked(
            "ffmpeg",
            [
              ...["-hide_banner", "-loglevel", "error", "-nostdin", "-live_start_index", "0"],
              ...["-i", `${run.client.base}/live/clip.m3u8?vhost=${form}`],
              ...["-map", "0:v", "-frames:v", "50", "-f", "framemd5", "-"],
            ],
            { timeoutMs: 20_000 },
          );
          assert.equal(stderr.trim(), "");
          assert.equal(stdout.split("\n").filter((line) => /^\d/.test(line)).length, 50);
        });
      }

      test(
        "a second publish goes on with the numbers, after one discontinuity",
        LIMIT,
        async () => {
          const path = paths.get("ts") ?? "";
          const watch = new PlaylistWatch();
          const first = watch.read((await run.client.get(path)).body.toString());
          const last = first.segments.at(-1)?.sequence ?? 0;
          const publisher = run.publish("ts", "clip");
          await run.client.until(path, "segments of the second publish", ({ segments }) => {
            return (segments.at(-1)?.sequence ?? 0) >= last + 2;
          });
          const second = watch.read((await run.client.get(path)).body.toString());
          await publisher.stop();
          const breaks = second.segments.filter(({ isDiscontinuity }) => isDiscontinuity);
          assert.deepEqual(
            breaks.map(({ sequence }) => sequence),
            [last + 1],
          );
        },
      );

      test("answers carry what browsers and caches need", LIMIT, async () => {
        const { client } = run;
        const path = paths.get("ts") ?? "";
        const playlist = await client.get(path);
        assert.equal(playlist.headers["content-type"], "application/vnd.apple.mpegurl");
        assert.equal(playlist.headers["cache-control"], "no-cache");
        assert.equal(playlist.headers["access-control-allow-origin"], "*");
        for (const { dateTime } of readPlaylist(playlist.body.toString()).segments) {
          const ageMs = Date.now() - Date.parse(dateTime ?? "");
          assert.ok(ageMs > 0 && ageMs < 120_000, `dated ${dateTime}`);
        }
        const [segment = ""] = playlist.body.toString().match(/^[^#].*$/m) ?? [];
        assert.match(segment, /\?hls_ctx=\w+&vhost=ts$/);
        const bytes = await client.get(`/live/${segment}`);
        assert.equal(bytes.status, 200);
        assert.equal(bytes.headers["content-type"], "video/MP2T");
        assert.equal(bytes.body.length % 188, 0);
        assert.equal(await client.head(`/live/${segment}`), 200);
        assert.equal(await client.head(path), 200);
        assert.equal((await client.get("/live/none.m3u8?vhost=ts")).status, 404);
        assert.equal((await client.get("/live/clip-9999.ts?vhost=ts")).status, 404);
        assert.equal((await client.get("/live/a/b/c.m3u8?vhost=ts")).status, 404);
      });
    });
  }
});
