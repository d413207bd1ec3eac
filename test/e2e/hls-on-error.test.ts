/** `hls_on_error`: what a disk that is full, and a codec that HLS cannot carry, are to publishers, players and viewers. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { MessageType } from "../../src/protocol/rtmp/message.ts";
import type { Frame } from "../support/flv-file.ts";
import { ClipPublisher, isMedia, RtmpPeer } from "../support/rtmp-peer.ts";
import { makeScratch, waitUntil } from "../support/scratch.ts";
import { type HlsServer, makeHlsClip, publishTo, startHls } from "./hls-runs.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;
const PATH = "/live/a.m3u8";
const FILES = 400;
let clip: Frame[];

before(async () => {
  clip = await makeHlsClip();
});

/** A directory in which no byte of a segment can be written: each file to be is /dev/full, where writes fail as on a full disk. */
function fullDisk(): string {
  const folder = join(makeScratch(), "live");
  mkdirSync(folder);
  for (let number = 0; number < FILES; number += 1) {
    symlinkSync("/dev/full", join(folder, `a-${number}.ts.tmp`));
  }
  return join(folder, "..");
}

function makeRoom(directory: string): void {
  for (const name of readdirSync(join(directory, "live"))) {
    if (name.endsWith(".tmp")) {
      rmSync(join(directory, "live", name), { force: true });
    }
  }
}

function play(weir: HlsServer): Promise<RtmpPeer> {
  return new RtmpPeer(`rtmp://127.0.0.1:${weir.port}/live/a`, "play").waitReady();
}

const told = (weir: HlsServer): number =>
  weir.log().match(/hls of __defaultVhost__\/live\/a: ENOSPC/g)?.length ?? 0;

/** All messages of media that the publisher sent come to a player without a gap. */
function assertNoGap({ received }: RtmpPeer): void {
  const times = received.filter((one) => isMedia(one) && one.type === MessageType.Video);
  assert.ok(times.length > 20);
  for (const [index, { timestamp }] of times.slice(1).entries()) {
    // 25 pictures a second.
    assert.ok(timestamp - (times[index]?.timestamp ?? 0) <= 80, `a gap before ${timestamp}`);
  }
}

/** Speex, which FLV carries and no container of HLS. */
function speex(frames: readonly Frame[]): Frame[] {
  return frames
    .filter((frame) => frame.type === MessageType.Audio && isMedia(frame))
    .map((frame) => ({ ...frame, payload: Uint8Array.of(0xb2, ...frame.payload.subarray(1)) }));
}

describe("hls_on_error", { concurrency: 4 }, () => {
  test(
    "a full disk, continue: nobody but the files notices, and files come back",
    LIMIT,
    async () => {
      const directory = fullDisk();
      const weir = await startHls({ directory, hls: "hls_ctx off; hls_on_error continue;" });
      const publisher = await publishTo(weir.port, "a", clip);
      const player = await play(weir);
      try {
        await waitUntil("it is told", () => told(weir) === 1, WAIT_MS);
        const { segments } = await weir.client.until(PATH, "segments go on", (playlist) => {
          return (playlist.segments.at(-1)?.sequence ?? 0) >= 4;
        });
        for (const { uri } of segments) {
          assert.equal((await weir.client.get(`/live/${uri}`)).status, 200, uri);
        }
        makeRoom(directory);
        await waitUntil("written again", () => /live\/a: written again/.test(weir.log()), WAIT_MS);
        assert.equal(told(weir), 1);
        const listed = readFileSync(join(directory, PATH), "utf8").trim().split("\n").at(-1) ?? "";
        await waitUntil(
          "segments are written",
          () => existsSync(join(directory, "live", listed)),
          WAIT_MS,
        );
        assert.equal(publisher.peer.end, "open");
        assert.equal(player.end, "open");
        assertNoGap(player);
      } finally {
        publisher.close();
        player.close();
        await weir.close();
      }
    },
  );

  test(
    "a full disk, ignore: no more HLS of this publish, nor of the next while the disk is full",
    LIMIT,
    async () => {
      const directory = fullDisk();
      const weir = await startHls({ directory, hls: "hls_ctx off; hls_on_error ignore;" });
      const player = await play(weir);
      try {
        let last = -1;
        for (const times of [1, 2]) {
          const publisher = await publishTo(weir.port, "a", clip);
          await waitUntil(`it is told ${times} times`, () => told(weir) === times, WAIT_MS);
          const { segments } = await weir.client.playlist(PATH);
          const end = segments.at(-1)?.sequence ?? -1;
          assert.ok(end > last, "the next publish was begun");
          last = end;
          await player.waitFrames(player.received.length + 150, WAIT_MS);
          const later = await weir.client.playlist(PATH);
          const more = (later.segments.at(-1)?.sequence ?? -1) - last;
          assert.ok(more <= 1, `${more} segments after it was given up`);
          for (const { uri } of later.segments) {
            assert.equal((await weir.client.get(`/live/${uri}`)).status, 200, uri);
          }
          last += more;
          assert.equal(publisher.peer.end, "open");
          publisher.close();
          await publisher.peer.waitEnd(WAIT_MS);
          await waitUntil(
            "the name is free",
            () => weir.server.coordinator.find("__defaultVhost__/live/a")?.publisher == null,
            WAIT_MS,
          );
        }
        makeRoom(directory);
        const publisher = await publishTo(weir.port, "a", clip);
        const { segments } = await weir.client.until(PATH, "HLS again", (playlist) => {
          return (playlist.segments.at(-1)?.sequence ?? 0) >= last + 3;
        });
        assert.equal(segments.find(({ sequence }) => sequence === last + 1)?.isDiscontinuity, true);
        assert.equal(player.end, "open");
        publisher.close();
      } finally {
        player.close();
        await weir.close();
      }
    },
  );

  test(
    "a full disk, disconnect: each publisher is closed, players stay, and HLS of what came is served",
    LIMIT,
    async () => {
      const directory = fullDisk();
      const weir = await startHls({ directory, hls: "hls_ctx off; hls_on_error disconnect;" });
      const player = await play(weir);
      try {
        for (const times of [1, 2]) {
          const publisher = await publishTo(weir.port, "a", clip);
          await publisher.peer.waitEnd(WAIT_MS);
          publisher.close();
          assert.equal(told(weir), times);
          assert.equal(player.end, "open");
        }
        const { segments } = await weir.client.until(PATH, "segments of both", (playlist) => {
          return playlist.segments.some(({ isDiscontinuity }) => isDiscontinuity);
        });
        for (const { uri } of segments) {
          assert.equal((await weir.client.get(`/live/${uri}`)).status, 200, uri);
        }
        makeRoom(directory);
        const publisher = await publishTo(weir.port, "a", clip);
        await player.waitFrames(player.received.length + 100, WAIT_MS);
        await waitUntil("written again", () => /live\/a: written again/.test(weir.log()), WAIT_MS);
        assert.equal(publisher.peer.end, "open");
        publisher.close();
      } finally {
        player.close();
        await weir.close();
      }
    },
  );

  test("a codec that HLS cannot carry is no error, whatever is said of errors", LIMIT, async () => {
    const weir = await startHls({ hls: "hls_ctx off; hls_on_error disconnect;" });
    const sound = speex(clip);
    const peer = new RtmpPeer(`rtmp://127.0.0.1:${weir.port}/live/a`, "publish");
    const publisher = new ClipPublisher(await peer.waitReady(WAIT_MS), sound);
    const player = await play(weir);
    try {
      await player.waitFrames(100, WAIT_MS);
      // It is waited for as long as a first segment takes at most.
      assert.equal((await weir.client.get(PATH)).status, 404);
      assert.equal(publisher.peer.end, "open");
      assert.equal(player.end, "open");
      assert.doesNotMatch(weir.log(), /ERR_HLS_FILES/);
      // With pictures that it can carry it is a stream of pictures.
      publisher.close();
      await publisher.peer.waitEnd(WAIT_MS);
      const pictures = clip.filter(({ type }) => type === MessageType.Video);
      const both = [...pictures, ...sound].sort((one, other) => one.timestamp - other.timestamp);
      const second = await publishTo(weir.port, "a", both);
      await weir.client.until(PATH, "segments", ({ segments }) => segments.length >= 3);
      assert.equal(second.peer.end, "open");
      second.close();
    } finally {
      publisher.close();
      player.close();
      await weir.close();
    }
  });
});
