/**
 * Every codec in every container that viewers by HTTP get, published by RTMP to one server: each packet once, with the
 * times and the bytes that were published, and what a container does not carry is left out.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { makeClip } from "../support/clips.ts";
import { AV1_ENHANCED, HEVC_ENHANCED, makeEnhancedClip } from "../support/enhanced-clips.ts";
import { type Frame, readFlv, readFlvBytes } from "../support/flv-file.ts";
import { HlsClient } from "../support/hls-client.ts";
import { HttpViewer } from "../support/http-viewer.ts";
import { makeMp3Clip } from "../support/mp3-clip.ts";
import { assertSame, type KeptFrame, probeTimes, readFrames } from "../support/mux-source.ts";
import { openPublisher, publishOnce, sendPaced } from "../support/publish-once.ts";
import { isMedia } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import { TsCheck } from "../support/ts-check.ts";
import { assertAudioPayload, assertVideoPayload } from "../support/ts-payload.ts";
import type { RunningServer } from "../support/weir.ts";
import { startWeir } from "../support/weir.ts";

const LIMIT = { timeout: 90_000 };
const WAIT_MS = 30_000;
const SECONDS = 3;
const PACKET_BYTES = 188;
/** With one track FLV waits for another one for a second of media, and then begins where the stream is. */
const GUESS_MS = 1200;
const LOCAL = ["-allowed_extensions", "ALL"];
const scratch = makeScratch();

/** Stream types of MPEG-TS. */
const TYPES = { avc: 0x1b, hevc: 0x24, aac: 0x0f, mp3: 3 } as const;

/** What is published, and which tracks of it a transport stream carries. */
const CLIPS = {
  "H.264 with B-frames and AAC": { make: makeAvc, ts: [TYPES.avc, TYPES.aac] },
  "HEVC and AAC": { make: makeHevc, ts: [TYPES.hevc, TYPES.aac] },
  "H.264 and MP3": { make: makeMp3, ts: [TYPES.avc, TYPES.mp3] },
  "AAC alone": { make: makeAac, ts: [TYPES.aac] },
  "H.264 alone": { make: makeSilent, ts: [TYPES.avc] },
  "AV1 and AAC": { make: makeAv1, ts: [TYPES.aac] },
} as const satisfies Record<string, { make: () => Promise<Frame[]>; ts: readonly number[] }>;
type ClipName = keyof typeof CLIPS;
const NAMES = Object.keys(CLIPS) as ClipName[];

/** The demuxer of Debian's ffmpeg does not know enhanced RTMP. */
const UNKNOWN_TO_FFPROBE: readonly ClipName[] = ["HEVC and AAC", "AV1 and AAC"];

function makeAvc(): Promise<Frame[]> {
  return makeClip(scratch, "av", { seconds: SECONDS }).then(readFlv);
}

function makeAac(): Promise<Frame[]> {
  return makeClip(scratch, "a", { seconds: SECONDS, hasVideo: false }).then(readFlv);
}

function makeSilent(): Promise<Frame[]> {
  return makeClip(scratch, "v", { seconds: SECONDS, hasAudio: false }).then(readFlv);
}

function makeMp3(): Promise<Frame[]> {
  return makeMp3Clip(scratch, "mp3", { seconds: SECONDS, rate: 44_100 }).then(readFlv);
}

async function makeHevc(): Promise<Frame[]> {
  return withSound(await makeEnhancedClip(scratch, HEVC_ENHANCED, SECONDS));
}

async function makeAv1(): Promise<Frame[]> {
  return withSound(await makeEnhancedClip(scratch, AV1_ENHANCED, SECONDS));
}

/** A clip's pictures with the sound of another one, in the order of their times. */
async function withSound(pictures: readonly Frame[]): Promise<Frame[]> {
  const name = `sound-${pictures.length}`;
  const file = await makeClip(scratch, name, { seconds: SECONDS, hasVideo: false });
  const sound = readFlv(file).filter(({ type }) => type === 8);
  return [...pictures, ...sound].sort((one, other) => one.timestamp - other.timestamp);
}

/** What viewers are to get: frames from the first keyframe on, where there is one. */
function playable(frames: readonly KeptFrame[]): KeptFrame[] {
  const key = frames.findIndex((frame) => frame.isKeyframe && frame.isVideo);
  return frames.slice(Math.max(0, key));
}

const plain = (frames: readonly KeptFrame[]): unknown[] =>
  frames.map(({ isVideo, isKeyframe, dtsMs, ptsMs, data }) => {
    return [isVideo, isVideo && isKeyframe, dtsMs, ptsMs, Buffer.from(data).toString("base64")];
  });

/** A transport stream against what was published: unit by unit, and by ffprobe. */
async function assertTs(
  name: string,
  bytes: Buffer,
  sent: readonly KeptFrame[],
  types: readonly number[],
): Promise<void> {
  const judge = new TsCheck();
  judge.push(bytes);
  judge.finish();
  assert.deepEqual(judge.errors, []);
  assert.deepEqual([...judge.streams.values()], types);
  const hasVideo = types.some((type) => type === TYPES.avc || type === TYPES.hevc);
  const carried = sent.filter((frame) => hasVideo || !frame.isVideo);
  const frames = playable(carried);
  const [video, audio] = [true, false].map((isVideo) =>
    frames.filter((frame) => frame.isVideo === isVideo),
  );
  if (hasVideo) {
    assertVideoPayload(judge, video ?? [], types.includes(TYPES.avc));
  }
  if (audio?.length !== 0) {
    assertAudioPayload(judge, audio ?? [], types.includes(TYPES.aac));
  }
  const file = join(scratch, `${name}.ts`);
  writeFileSync(file, bytes);
  assertSame(await probeTimes(file), frames, { audioToleranceMs: 1.01, hasHashes: false });
}

describe("every codec in every container", { concurrency: 2 }, () => {
  let weir: RunningServer;
  let client: HlsClient;
  const clips = new Map<ClipName, Frame[]>();
  const flvViewers = new Map<ClipName, HttpViewer>();
  const tsViewers = new Map<ClipName, HttpViewer>();

  const path = (name: ClipName, vhost: string, ending: string): string =>
    `/live/${NAMES.indexOf(name)}.${ending}?vhost=${vhost}`;

  before(async () => {
    const http = await findFreePort();
    const hls = `enabled on; hls_fragment 1; hls_aof_ratio 1.2; hls_ctx off; hls_files off;`;
    const ts = "mount [vhost]/[app]/[stream].ts;";
    weir = await startWeir({
      directives: [
        `gateways 1; http_server { enabled on; listen 127.0.0.1:${http}; }`,
        `vhost first { play { play_wait 30000; } http_remux { enabled on; } hls { ${hls} } }`,
        `vhost second { play { play_wait 30000; } http_remux { enabled on; ${ts} } }`,
        `vhost soon { play { play_wait 1000; } http_remux { enabled on; ${ts} } }`,
        `vhost third { hls { ${hls} hls_use_fmp4 on; } }`,
      ].join("\n"),
    });
    client = new HlsClient(http);
    const made = NAMES.map(async (name) => clips.set(name, await CLIPS[name].make()));
    await Promise.all([...made, waitUntil("http listens", () => isListening(http), WAIT_MS)]);
    for (const name of NAMES) {
      flvViewers.set(name, new HttpViewer(`${client.base}${path(name, "first", "flv")}`));
      tsViewers.set(name, new HttpViewer(`${client.base}${path(name, "second", "ts")}`));
    }
    await Promise.all(
      NAMES.flatMap((name) => [
        publish(name, "first", flvViewers.get(name)),
        publish(name, "second", tsViewers.get(name)),
        publish(name, "third"),
      ]),
    );
  });

  /** Publishes a clip; when its tracks have begun, the viewer is waited for. */
  async function publish(name: ClipName, vhost: string, viewer?: HttpViewer): Promise<void> {
    const messages = messagesOf(name);
    const peer = await openPublisher(`${weir.url(String(NAMES.indexOf(name)))}?vhost=${vhost}`);
    const firsts = [8, 9].map((type) =>
      messages.findIndex((one) => one.type === type && isMedia(one)),
    );
    // FLV with one track waits for another one.
    const isGuessed = vhost === "first" && firsts.includes(-1);
    const begun = isGuessed
      ? messages.findIndex(({ timestamp }) => timestamp > GUESS_MS)
      : Math.max(...firsts) + 1;
    await sendPaced(peer, messages.slice(0, begun), 2);
    const what = `the first frames of ${name} in ${vhost}`;
    await viewer?.waitBody(
      what,
      // A transport stream has nothing before its first frame.
      (bytes) => (vhost === "first" ? readFlvBytes(bytes).some(isMedia) : bytes.length > 0),
      WAIT_MS,
    );
    await sendPaced(peer, messages.slice(begun), 2);
    peer.close();
  }

  after(() => {
    for (const viewer of [...flvViewers.values(), ...tsViewers.values()]) {
      viewer.close();
    }
    return weir?.stop();
  });

  function messagesOf(name: ClipName): Frame[] {
    const messages = clips.get(name);
    assert.ok(messages !== undefined, `no clip ${name}`);
    return messages;
  }

  async function bodyOf(
    viewers: ReadonlyMap<ClipName, HttpViewer>,
    name: ClipName,
    isWhole: (bytes: Buffer) => boolean,
  ): Promise<Buffer> {
    const viewer = viewers.get(name);
    assert.ok(viewer !== undefined);
    return await viewer.waitBody("the last frame came", isWhole, WAIT_MS);
  }

  /** A viewer's playlist with all that it names, on disk, when the whole clip is listed. */
  async function saved(name: ClipName, vhost: string): Promise<string> {
    const playlist = path(name, vhost, "m3u8");
    const { segments } = await client.until(playlist, "all segments", (now) => {
      return now.segments.reduce((sum, { seconds }) => sum + seconds, 0) > SECONDS - 0.1;
    });
    // Without files the first one cannot know what was before.
    assert.ok(segments.length >= 2 && segments.slice(1).every((one) => !one.isDiscontinuity));
    return await client.save(playlist, scratch, `${NAMES.indexOf(name)}-${vhost}`);
  }

  for (const name of NAMES) {
    test(`FLV: ${name}`, LIMIT, async () => {
      const sent = readFrames(messagesOf(name));
      const last = messagesOf(name).at(-1)?.hash;
      const bytes = await bodyOf(flvViewers, name, (body) => {
        return readFlvBytes(body).at(-1)?.hash === last;
      });
      const got = readFrames(readFlvBytes(bytes));
      const firstMs = got[0]?.dtsMs ?? Number.NaN;
      assert.ok(
        firstMs === 0 || (firstMs <= GUESS_MS && CLIPS[name].ts.length === 1),
        `${firstMs}`,
      );
      const frames = playable(sent).filter((frame) => frame.dtsMs >= firstMs);
      assert.deepEqual(plain(got), plain(frames));
      if (!UNKNOWN_TO_FFPROBE.includes(name)) {
        const file = join(scratch, `${NAMES.indexOf(name)}.flv`);
        writeFileSync(file, bytes);
        assertSame(await probeTimes(file), frames);
      }
    });

    test(`HTTP-TS: ${name}`, LIMIT, async () => {
      const sent = readFrames(messagesOf(name));
      const hasVideo = CLIPS[name].ts.some((type) => type === TYPES.avc || type === TYPES.hevc);
      const carried = sent.filter((frame) => hasVideo || !frame.isVideo);
      const last = (carried.at(-1)?.dtsMs ?? 0) * 90;
      const bytes = await bodyOf(tsViewers, name, (body) => {
        const judge = new TsCheck();
        judge.push(body.subarray(0, body.length - (body.length % PACKET_BYTES)));
        judge.finish();
        return judge.pes.at(-1)?.dts === last;
      });
      await assertTs(`${NAMES.indexOf(name)}-http`, bytes, sent, CLIPS[name].ts);
    });

    test(`HLS in TS: ${name}`, LIMIT, async () => {
      const sent = readFrames(messagesOf(name));
      const file = await saved(name, "first");
      const segments = readFileSync(file, "utf8").match(/^[^#].*$/gm) ?? [];
      const bytes = Buffer.concat(segments.map((segment) => readFileSync(join(scratch, segment))));
      await assertTs(`${NAMES.indexOf(name)}-hls`, bytes, sent, CLIPS[name].ts);
      const packets = await probeTimes(file, LOCAL);
      const hasVideo = packets.some(({ kind }) => kind === "video");
      const frames = playable(sent).filter((frame) => hasVideo || !frame.isVideo);
      assert.equal(packets.length, frames.length);
    });

    test(`HLS in fragmented MP4: ${name}`, LIMIT, async () => {
      const frames = playable(readFrames(messagesOf(name)));
      const file = await saved(name, "third");
      assertSame(await probeTimes(file, LOCAL), frames, { audioToleranceMs: 1.01 });
    });
  }

  test("AV1 alone in a transport stream: there is nothing to be had", LIMIT, async () => {
    const pictures = messagesOf("AV1 and AAC").filter(({ type }) => type === 9);
    const viewer = new HttpViewer(`${client.base}/live/av1.ts?vhost=soon`);
    await Promise.all(
      ["first", "soon"].map((vhost) => publishOnce(`${weir.url("av1")}?vhost=${vhost}`, pictures)),
    );
    // In the end, as for a stream that does not come.
    assert.equal((await viewer.answered(WAIT_MS)).status, 404);
    assert.equal(await client.head("/live/av1.m3u8?vhost=first"), 404);
  });
});
