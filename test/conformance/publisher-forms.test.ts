/** Publishers that cut, chunk and shake hands in other ways than most: players get the same messages. */
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { makeClip } from "../support/clips.ts";
import type { Frame } from "../support/flv-file.ts";
import { readFlv } from "../support/flv-file.ts";
import { assertMessageRun } from "../support/message-run.ts";
import type { PeerOptions } from "../support/rtmp-peer.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { makeScratch } from "../support/scratch.ts";
import type { RunningServer } from "../support/weir.ts";
import { startWeir } from "../support/weir.ts";

let weir: RunningServer;
let frames: Frame[];

const forms: readonly { readonly name: string; readonly options: PeerOptions }[] = [
  { name: "A2-21: one byte per segment", options: { pieceBytes: 1, chunkSizeOut: 128 } },
  { name: "A2-21: seven bytes per segment", options: { pieceBytes: 7 } },
  { name: "chunks of 128 bytes", options: { chunkSizeOut: 128 } },
  { name: "B-18: chunks larger than any message", options: { chunkSizeOut: 0x7f_ff_ff } },
  { name: "B-30: simple handshake", options: { digest: "simple" } },
  { name: "B-29: digest handshake, scheme 0", options: { digest: "scheme0" } },
  { name: "B-29: digest handshake, scheme 1", options: { digest: "scheme1" } },
  { name: "B-24: no releaseStream and FCPublish", options: { announce: false } },
];

before(async () => {
  weir = await startWeir({ workers: 2 });
  const clip = await makeClip(makeScratch(), "clip", { seconds: 2 });
  frames = readFlv(clip);
});

after(() => weir?.stop());

describe("publishers of many forms", { concurrency: 4 }, () => {
  for (const [index, { name, options }] of forms.entries()) {
    test(name, async () => {
      const url = weir.url(`form${index}`);
      const player = await new RtmpPeer(url, "play").waitReady();
      const peer = await new RtmpPeer(url, "publish", options).waitReady();
      const publisher = new ClipPublisher(peer, frames);
      await delay(3000);
      publisher.close();
      await player.waitFrames(150, 3000);
      assertMessageRun(frames, player.received);
      player.close();
    });
  }
});
