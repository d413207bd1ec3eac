/** What a reload changes for viewers by HTTP: those who watch stay as they are, newcomers get what is in force. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type InProcess, startInProcess } from "../main/accept/in-process.ts";
import { readFlv, readFlvBytes } from "../support/flv-file.ts";
import { HttpViewer } from "../support/http-viewer.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, waitUntil } from "../support/scratch.ts";
import { splitWholeAdts } from "../support/ts-check.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;
const AUDIO = 4;
const VIDEO = 1;
const CLIP = fileURLToPath(
  new URL("../../../test/fixtures/flv/h264-aac-b-frames.flv", import.meta.url),
);

let one: InProcess | undefined;
let publisher: ClipPublisher | undefined;
const viewers: HttpViewer[] = [];

afterEach(async () => {
  publisher?.close();
  for (const viewer of viewers.splice(0)) {
    viewer.close();
  }
  await one?.close();
});

test("http_remux: newcomers get what is in force, viewers stay", LIMIT, async () => {
  const http = await findFreePort();
  const under = (remux: string) => ({
    workers: 1,
    directives: `http_backend node; gateways 1; http_server { enabled on; listen 127.0.0.1:${http}; }`,
    vhost: `http_remux { enabled on; ${remux} } play { play_wait 4000; }`,
  });
  const server = await startInProcess(under("guess_has_av off; has_audio off;"));
  one = server;
  await waitUntil("http listens", () => isListening(http), WAIT_MS);
  const view = async (ending: string): Promise<HttpViewer> => {
    const viewer = new HttpViewer(`http://127.0.0.1:${http}/live/a.${ending}`);
    viewers.push(viewer);
    return viewer.answered(WAIT_MS);
  };
  const reload = async (remux: string): Promise<void> => {
    assert.equal((await server.reload(under(remux))).error, undefined);
  };
  const peer = new RtmpPeer(`rtmp://127.0.0.1:${server.port}/live/a`, "publish");
  publisher = new ClipPublisher(await peer.waitReady(), readFlv(CLIP));
  const sound = (bytes: Buffer): number =>
    readFlvBytes(bytes).filter((frame) => frame.type === 8).length;

  const first = await view("flv");
  await first.waitBody("video", (bytes) => readFlvBytes(bytes).length > 20, WAIT_MS);
  assert.equal(first.bytes[4], VIDEO);
  assert.equal(sound(first.bytes), 0);

  await reload("guess_has_av off; has_audio off; drop_if_not_match off;");
  const kept = await view("flv");
  await kept.waitBody("audio that is not announced", (bytes) => sound(bytes) > 5, WAIT_MS);
  assert.equal(kept.bytes[4], VIDEO);

  await reload("");
  const guessed = await view("flv");
  await guessed.waitBody("audio", (bytes) => sound(bytes) > 5, WAIT_MS);
  assert.equal(guessed.bytes[4], AUDIO | VIDEO);

  await reload("mount [vhost]/[app]/[stream].ts;");
  const packets = await view("ts");
  await packets.waitBody("packets", (bytes) => bytes.length > 188 * 20, WAIT_MS);
  assert.deepEqual([packets.bytes[0], packets.bytes[188]], [0x47, 0x47]);
  assert.equal((await view("flv")).status, 404);

  await reload("mount [vhost]/[app]/[stream].aac; fast_cache 1;");
  const frames = await view("aac");
  await frames.waitBody("frames", (bytes) => bytes.length > 2000, WAIT_MS);
  assert.ok(splitWholeAdts(frames.bytes).length > 3);

  const had = first.bytes.length;
  await first.waitBody("more", (bytes) => bytes.length > had + 5000, WAIT_MS);
  assert.equal(sound(first.bytes), 0);
  assert.ok([first, kept, guessed, packets].every((viewer) => !viewer.isOver));
});
