/** A slow HTTP-FLV client over TCP: what it missed it missed from a frame to a keyframe, and all that it got is FLV. */
import assert from "node:assert/strict";
import { get, type IncomingMessage } from "node:http";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type FlvTag, FlvTagDecoder } from "../../src/protocol/flv/tag.ts";
import { type Frame, type FrameKind, hashPayload, kindOf } from "../support/flv-file.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, waitUntil } from "../support/scratch.ts";
import { type RunningServer, startWeir } from "../support/weir.ts";

const FRAME_MS = 40;
const GOP_FRAMES = 12;
const FRAME_BYTES = 200_000;
/** More than the kernel keeps for a connection on both its sides, and than the stream's rings hold. */
const UNREAD_BYTES = 32_000_000;

/** A GOP of large frames, no two the same, after the headers of H.264. */
function bigClip(): Frame[] {
  const config = Uint8Array.of(0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1e, 0xff, 0xe0, 0);
  const frames = Array.from({ length: GOP_FRAMES }, (_, number) => {
    const payload = new Uint8Array(FRAME_BYTES).fill(number + 1);
    payload.set([number === 0 ? 0x17 : 0x27, 1, 0, 0, 0]);
    return { kind: kindOf(9, payload), timestamp: number * FRAME_MS, payload };
  });
  return [{ kind: "header" as const, timestamp: 0, payload: config }, ...frames].map((frame) => ({
    ...frame,
    type: 9,
    hash: hashPayload(frame.payload),
  }));
}

interface Got {
  readonly kind: FrameKind;
  readonly timestamp: number;
  readonly payload: Uint8Array;
}

/** Reads a body when it is told to, tag by tag. */
class SlowReader {
  readonly tags: Got[] = [];
  isOver = false;
  readonly #decoder = new FlvTagDecoder();
  readonly #response: IncomingMessage;

  constructor(response: IncomingMessage) {
    this.#response = response;
    response.on("close", () => {
      this.isOver = true;
    });
    response.on("error", () => undefined);
  }

  read(): void {
    const tag = ({ type, timestamp, payload }: FlvTag): void => {
      if (type === 9) {
        const kind = kindOf(type, payload);
        this.tags.push({ kind, timestamp, payload: payload.slice(0, 16) });
      }
    };
    this.#response.on("data", (bytes: Buffer) => this.#decoder.push(bytes, { tag }));
  }

  close(): void {
    this.#response.destroy();
  }
}

/** @returns gaps; each ends at a keyframe that comes right after headers. */
function assertGaps(tags: readonly Got[]): number {
  let gaps = 0;
  let last = -1;
  for (const [index, { kind, timestamp }] of tags.entries()) {
    assert.ok(timestamp >= last, `tag ${index}: ${timestamp} after ${last}`);
    if (kind === "header") {
      continue;
    }
    if (last >= 0 && timestamp !== last + FRAME_MS) {
      assert.equal(
        kind,
        "key",
        `tag ${index} at ${timestamp}: a gap from ${last} not to a keyframe`,
      );
      assert.equal(tags[index - 1]?.kind, "header", `tag ${index}: no headers before it`);
      gaps += 1;
    }
    assert.equal(tags[index]?.payload[15], ((timestamp / FRAME_MS) % GOP_FRAMES) + 1);
    last = timestamp;
  }
  return gaps;
}

describe("a slow viewer", { concurrency: 2 }, () => {
  for (const backend of ["uws", "node"]) {
    describe(`on ${backend}`, () => {
      let weir: RunningServer;
      let http: number;

      before(async () => {
        http = await findFreePort();
        weir = await startWeir({
          directives: `player_stall 100000; http_backend ${backend}; http_server { enabled on; listen 127.0.0.1:${http}; }`,
          vhost: "http_remux { enabled on; } play { queue_length 1; }",
        });
        await waitUntil("http listens", () => isListening(http), 5000);
      });

      after(() => weir?.stop());

      test("who reads nothing for seconds, then all", { timeout: 90_000 }, async () => {
        const peer = await new RtmpPeer(weir.url("slow"), "publish").waitReady();
        const began = performance.now();
        const publisher = new ClipPublisher(peer, bigClip());
        const response = await new Promise<IncomingMessage>((resolve, reject) => {
          const url = `http://127.0.0.1:${http}/live/slow.flv`;
          get(url, { agent: false }, resolve).on("error", reject);
        });
        const slow = new SlowReader(response);
        await delay((UNREAD_BYTES / FRAME_BYTES) * FRAME_MS);
        slow.read();
        const liveMs = performance.now() - began + 2 * GOP_FRAMES * FRAME_MS;
        const isLive = (): boolean => (slow.tags.at(-1)?.timestamp ?? 0) >= liveMs || slow.isOver;
        await waitUntil("it has caught up", isLive, 40_000);
        publisher.close();
        slow.close();
        assert.equal(slow.isOver, false, weir.log());
        const gaps = assertGaps(slow.tags);
        assert.ok(gaps > 0, `${slow.tags.length} tags without a gap`);
      });
    });
  }
});
