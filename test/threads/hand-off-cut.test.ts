/**
 * A hand-off loses no byte, wherever the client's bytes were cut: the part that the primary has read, the part that lies
 * in its buffers and the part that reaches the shard are one stream.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type InProcess, startInProcess } from "../main/accept/in-process.ts";
import {
  pingRequest,
  playDialogue,
  publishDialogue,
  stampedVideo,
  WireClient,
} from "../main/accept/wire-client.ts";
import { command, concat, message } from "../protocol/rtmp/session-harness.ts";
import { waitUntil } from "../support/scratch.ts";

const HANDSHAKE_BYTES = 3073;
const FRAMES = 12;
/** Connections at a time. */
const BATCH = 64;

let weir: InProcess;

before(async () => {
  weir = await startInProcess({ workers: 2 });
});

after(() => weir?.close());

/** Every cut from the end of the handshake to the end of the dialogue, then every `step`-th, and a few before. */
function cutsOf(dialogueBytes: number, allBytes: number, step: number): number[] {
  const cuts = [1, 700, 1537, 2000, HANDSHAKE_BYTES - 1];
  for (let cut = HANDSHAKE_BYTES; cut < dialogueBytes + 160; cut += 1) {
    cuts.push(cut);
  }
  for (let cut = dialogueBytes + 160; cut < allBytes; cut += step) {
    cuts.push(cut);
  }
  return cuts;
}

async function inBatches(
  cuts: readonly number[],
  run: (cut: number) => Promise<void>,
): Promise<void> {
  for (let at = 0; at < cuts.length; at += BATCH) {
    await Promise.all(cuts.slice(at, at + BATCH).map(run));
  }
}

/** Waits until the first part has been dealt with as far as it goes. */
async function settle(hasAll: boolean, client: WireClient, sign: () => boolean): Promise<void> {
  if (hasAll) {
    await waitUntil("the hand-off", () => sign() || client.end !== "open", 10_000);
  } else {
    await delay(10);
  }
}

describe("hand-off", () => {
  test("a publish session cut at every byte comes out whole", { timeout: 60_000 }, async () => {
    const media = Array.from({ length: FRAMES }, (_, index) => stampedVideo(index, index === 0));
    const wanted = Array.from({ length: FRAMES }, (_, index) => index);
    const dialogue = publishDialogue("cut0000").length;
    const all = concat(publishDialogue("cut0000"), ...media).length;
    const cuts = cutsOf(dialogue, all, 37);
    await inBatches(cuts, async (cut) => {
      const name = `cut${String(cut).padStart(4, "0")}`;
      const bytes = concat(publishDialogue(name), ...media);
      const player = new WireClient(weir.port, playDialogue(name));
      await player.waitStatus("NetStream.Play.Start");
      const publisher = new WireClient(weir.port, bytes.subarray(0, cut));
      await settle(cut >= dialogue, publisher, () =>
        publisher.statuses.includes("NetStream.Publish.Start"),
      );
      publisher.write(bytes.subarray(cut));
      await waitUntil(
        `cut ${cut}: all media`,
        () => player.media.length >= FRAMES || publisher.end !== "open" || player.end !== "open",
        10_000,
      );
      assert.deepEqual(player.sequences, wanted, `cut at ${cut}, publisher ${publisher.end}`);
      assert.equal(player.spoilt, 0);
      publisher.destroy();
      player.destroy();
    });
    assert.ok(cuts.length > 400, `only ${cuts.length} cuts`);
  });

  test("a play session cut at every byte is served and answered", { timeout: 60_000 }, async () => {
    const publisher = new WireClient(weir.port, publishDialogue("played"));
    await publisher.waitStatus("NetStream.Publish.Start");
    for (let index = 0; index < FRAMES; index += 1) {
      publisher.write(stampedVideo(index));
    }
    const wanted = [10, 11];
    const tail = concat(
      message(4, [0, 3, 0, 0, 0, 1, 0, 0, 4, 0], { chunkStreamId: 2 }),
      pingRequest(7),
      // A message of several chunks: the decoder's partial state has to go along.
      message(18, new Uint8Array(500), { streamId: 1, chunkStreamId: 5 }),
      pingRequest(8),
    );
    const dialogue = playDialogue("played").length;
    const bytes = concat(playDialogue("played"), tail);
    const cuts = cutsOf(dialogue, bytes.length, 3);
    await inBatches(cuts, async (cut) => {
      const player = new WireClient(weir.port, bytes.subarray(0, cut));
      await settle(cut >= dialogue, player, () => player.media.length >= wanted.length);
      player.write(bytes.subarray(cut));
      await waitUntil(
        `cut ${cut}: answers`,
        () => (player.pongs.length >= 2 && player.media.length >= 2) || player.end !== "open",
        10_000,
      );
      assert.deepEqual([player.sequences, player.pongs], [wanted, [7, 8]], `cut at ${cut}`);
      player.destroy();
    });
    assert.ok(cuts.length > 400, `only ${cuts.length} cuts`);
    publisher.destroy();
  });

  test("a message that is in pieces around the play command goes on in the shard", {
    timeout: 30_000,
  }, async () => {
    // Chunks of 128 bytes with headers of 12 and 1: three of them before the command, the rest after it.
    const ping = pingRequest(9);
    const large = message(18, new Uint8Array(900), { streamId: 1, chunkStreamId: 5 });
    const firstPart = 12 + 128 + 2 * 129;
    const [dialogue, late] = [playDialogue("pieces"), concat(large.subarray(firstPart), ping)];
    // The last command follows the pieces.
    const play = command(1, "play", 3, null, "pieces").length;
    const before = dialogue.subarray(0, dialogue.length - play);
    const after = dialogue.subarray(dialogue.length - play);
    const player = new WireClient(weir.port, concat(before, large.subarray(0, firstPart), after));
    await player.waitStatus("NetStream.Play.Start");
    player.write(late);
    await waitUntil("the answer", () => player.pongs.length > 0 || player.end !== "open", 5000);
    assert.deepEqual([player.pongs, player.end], [[9], "open"]);
    player.destroy();
  });
});
