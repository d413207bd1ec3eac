/** One connection that plays and publishes, and the ways in which connections with several streams break. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { namesByShard } from "../main/accept/in-process.ts";
import { playDialogue, publishDialogue, stampedVideo } from "../main/accept/wire-client.ts";
import { command, concat } from "../protocol/rtmp/session-harness.ts";
import { assertJoined } from "../support/message-run.ts";
import { waitUntil } from "../support/scratch.ts";
import { SeveralStreams } from "./several-streams.ts";

const LIMIT = { timeout: 30_000 };

let weir: SeveralStreams;

before(async () => {
  weir = await SeveralStreams.start();
});

afterEach(() => weir?.closeOpened());

after(() => weir?.stop());

describe("play and publish on one connection", () => {
  test("a publisher plays its own stream and another one", LIMIT, async () => {
    const other = await weir.publish("other");
    const peer = await weir.connect();
    const own = weir.clipOn(await peer.publish("loop"));
    const loop = await peer.play("loop");
    const foreign = await peer.play("other");
    const watcher = await weir.watch("loop");
    await Promise.all([
      loop.waitFrames(120),
      foreign.waitFrames(120),
      watcher.waitFrames(100, 8000),
    ]);
    weir.assertWhole(loop, 75);
    weir.assertWhole(foreign, 75);
    weir.assertWhole(watcher, 60);
    assert.deepEqual([weir.playersOf("loop"), weir.playersOf("other")], [2, 1]);
    // The publish ends, its watchers stay; the other play does not notice.
    own.pause();
    own.peer.close();
    await own.peer.waitStatus("NetStream.Unpublish.Success");
    await foreign.waitFrames(foreign.received.length + 40);
    weir.assertWhole(foreign, 90);
    assert.equal(peer.end, "open");
    // The NetStream publishes again; the loop goes on.
    const count = loop.received.length;
    own.peer.say("publish", null, "loop", "live");
    await waitUntil(
      "accepted",
      () => own.peer.statuses.filter((code) => code === "NetStream.Publish.Start").length === 2,
      3000,
    );
    const again = weir.clipOn(own.peer);
    await loop.waitFrames(count + 40);
    again.pause();
    watcher.close();
    peer.close();
    other.close();
    await weir.waitEmpty();
  });

  test("a player publishes: its play has no gap, and both end by themselves", LIMIT, async () => {
    const other = await weir.publish("source");
    const peer = await weir.connect();
    const play = await peer.play("source");
    await play.waitFrames(40);
    const own = weir.clipOn(await peer.publish("talk"));
    const watcher = await weir.watch("talk");
    await Promise.all([watcher.waitFrames(100, 8000), play.waitFrames(140)]);
    weir.assertWhole(watcher, 60);
    weir.assertWhole(play, 90);
    play.delete();
    await weir.waitPlayers("source", 0);
    const count = watcher.received.length;
    await watcher.waitFrames(count + 40, 8000);
    own.pause();
    peer.close();
    watcher.close();
    other.close();
    await weir.waitEmpty();
  });

  test("a refused publish of a player leaves its play alone", LIMIT, async () => {
    const busy = await weir.publish("busy");
    const peer = await weir.connect();
    const play = await peer.play("busy");
    const refused = await peer.create();
    refused.say("publish", null, "busy", "live");
    await refused.waitStatus("NetStream.Publish.BadName");
    await play.waitFrames(80);
    weir.assertWhole(play, 45);
    peer.close();
    busy.close();
    await weir.waitEmpty();
  });
});

describe("when it goes wrong", () => {
  test("the end of a connection in the middle of everything", LIMIT, async () => {
    const publisher = await weir.publish("cut");
    for (let round = 0; round < 20; round += 1) {
      const peer = await weir.connect();
      await peer.play("cut");
      for (let index = 0; index < 3; index += 1) {
        const stream = await peer.create();
        stream.say(index === 1 ? "publish" : "play", null, index === 1 ? `cut${round}` : "cut");
      }
      await delay(round);
      peer.close();
    }
    await weir.waitPlayers("cut", 0);
    publisher.close();
    await weir.waitEmpty();
  });

  test("all streams are asked for before the first one is handed over", LIMIT, async () => {
    const publisher = await weir.publish("early");
    const asked = concat(
      playDialogue("early"),
      command(0, "createStream", 4, null),
      command(2, "play", 5, null, "early"),
      command(0, "createStream", 6, null),
      command(3, "publish", 7, null, "early_own", "live"),
      command(0, "createStream", 8, null),
      command(4, "play", 9, null, "early_own"),
    );
    for (let cut = 3073; cut < asked.length; cut += 41) {
      const peer = weir.open();
      peer.write(asked.slice(0, cut));
      await delay(5);
      peer.write(asked.slice(cut));
      await Promise.all([1, 2].map((id) => peer.stream(id).waitFrames(20)));
      await peer.stream(3).waitStatus("NetStream.Publish.Start");
      await peer.stream(4).waitStatus("NetStream.Play.Start");
      assertJoined(peer.stream(1).received);
      assertJoined(peer.stream(2).received);
      peer.close();
      const own = "__defaultVhost__/live/early_own";
      await waitUntil("free", () => weir.weir.server.coordinator.find(own) === undefined, 3000);
    }
    publisher.close();
    await weir.waitEmpty();
  });

  test("two publishes and a play that were asked for at once", LIMIT, async () => {
    const peer = weir.open();
    peer.write(
      concat(
        publishDialogue("both1"),
        command(0, "createStream", 6, null),
        command(2, "publish", 7, null, "both2", "live"),
        command(0, "createStream", 8, null),
        command(3, "play", 9, null, "both1"),
      ),
    );
    await peer.stream(2).waitStatus("NetStream.Publish.Start");
    await peer.stream(3).waitStatus("NetStream.Play.Start");
    peer.write(concat(...Array.from({ length: 20 }, (_, index) => stampedVideo(index))));
    await peer.stream(3).waitFrames(10);
    peer.close();
    await weir.waitEmpty();
  });

  test(
    "a shard dies with connections of several streams: counts and descriptors come back",
    LIMIT,
    async () => {
      const [victim = "", safe = ""] = namesByShard(weir.weir.server, "death");
      const publisher = await weir.publish(safe);
      const doomed = await weir.connect();
      const own = weir.clipOn(await doomed.publish(victim));
      await doomed.play(victim);
      await doomed.play(safe);
      const steady = await weir.connect();
      const first = await steady.play(safe);
      const second = await steady.play(victim);
      await Promise.all([first.waitFrames(20), second.waitFrames(20)]);
      assert.deepEqual([weir.playersOf(safe), weir.playersOf(victim)], [2, 2]);
      await weir.weir.server.supervisor.links[0]?.fault("throw").catch(() => undefined);
      await doomed.waitEnd(5000);
      await weir.waitPlayers(safe, 1);
      await weir.waitPlayers(victim, 1);
      await first.waitFrames(first.received.length + 40);
      weir.assertWhole(first, 30);
      own.pause();
      steady.close();
      publisher.close();
      await weir.waitEmpty();
    },
  );
});
