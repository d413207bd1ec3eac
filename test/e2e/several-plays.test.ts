/** One connection that plays several streams: each whole, each ended by itself, nothing left behind. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { PLAYS_PER_CONNECTION_MAX } from "../../src/protocol/limits.ts";
import { namesByShard } from "../main/accept/in-process.ts";
import type { PeerStream } from "../support/multi-peer.ts";
import { isMedia } from "../support/rtmp-peer.ts";
import { waitUntil } from "../support/scratch.ts";
import { SeveralStreams } from "./several-streams.ts";

const LIMIT = { timeout: 30_000 };

let weir: SeveralStreams;

before(async () => {
  weir = await SeveralStreams.start();
});

afterEach(() => weir?.closeOpened());

after(() => weir?.stop());

describe("several plays on one connection", () => {
  test("two streams, one closed and the other goes on, then the first again", LIMIT, async () => {
    const publishers = await Promise.all([weir.publish("left"), weir.publish("right")]);
    const alone = await weir.watch("left");
    const peer = await weir.connect();
    const left = await peer.play("left");
    await left.waitFrames(40);
    const right = await peer.play("right");
    assert.deepEqual([left.id, right.id], [1, 2]);
    await right.waitFrames(80);
    assert.deepEqual([weir.playersOf("left"), weir.playersOf("right")], [2, 1]);
    // The play that was there first has no gap where the second began.
    weir.assertWhole(left, 60);
    weir.assertWhole(right, 45);
    left.close();
    await weir.waitPlayers("left", 1);
    const [leftCount, rightCount] = [left.received.length, right.received.length];
    await right.waitFrames(rightCount + 60);
    assert.ok(left.received.length - leftCount < 10, "a closed play goes on");
    left.received.length = 0;
    left.say("play", null, "left");
    await left.waitFrames(40);
    weir.assertWhole(left, 22);
    weir.assertWhole(right, 75);
    weir.assertWhole(alone, 75);
    assert.equal(weir.playersOf("left"), 2);
    right.delete();
    await weir.waitPlayers("right", 0);
    await left.waitFrames(left.received.length + 20);
    assert.equal(peer.fault, "");
    peer.close();
    alone.close();
    await weir.waitPlayers("left", 0);
    for (const publisher of publishers) {
      publisher.close();
    }
    await weir.waitEmpty();
  });

  test("the same stream twice, paused and without sound apart from each other", LIMIT, async () => {
    const publisher = await weir.publish("twice");
    const peer = await weir.connect();
    const one = await peer.play("twice");
    const two = await peer.play("twice");
    await Promise.all([one.waitFrames(80), two.waitFrames(80)]);
    assert.equal(weir.playersOf("twice"), 2);
    weir.assertWhole(one, 45);
    weir.assertWhole(two, 45);
    one.say("pause", null, true, 0);
    await one.waitStatus("NetStream.Pause.Notify");
    const before = one.received.length;
    two.say("receiveAudio", null, false);
    await delay(300);
    const silentFrom = two.received.length;
    await two.waitFrames(silentFrom + 20);
    assert.equal(one.received.length, before);
    assert.ok(two.received.slice(silentFrom).every((frame) => frame.type !== 8));
    one.say("pause", null, false, 0);
    await one.waitFrames(before + 30);
    peer.close();
    publisher.close();
    await weir.waitEmpty();
  });

  for (const count of [1, 2]) {
    test(`${count} plays on a connection end and begin again at once`, LIMIT, async () => {
      // Where it is not at home nobody else plays it: each end lets the stream go there, each play brings it back.
      const [again = "", elsewhere = ""] = namesByShard(weir.weir.server, "again");
      const publisher = await weir.publish(again);
      const peer = await weir.connect();
      const plays: PeerStream[] = [];
      for (let index = 0; index < count; index += 1) {
        plays.push(await peer.play(elsewhere));
      }
      for (let index = 0; index < 100 * count; index += 1) {
        const play = plays[index % count];
        play?.close();
        play?.say("play", null, again);
      }
      await weir.waitPlayers(again, count);
      await Promise.all(plays.map((play) => play.waitFrames(play.received.length + 60)));
      await weir.waitPlayers(elsewhere, 0);
      assert.equal(peer.fault, "");
      peer.close();
      await weir.waitPlayers(again, 0);
      publisher.close();
      await weir.waitEmpty();
    });
  }

  test("one play too many is refused with a status, and the others go on", LIMIT, async () => {
    const publisher = await weir.publish("many");
    const peer = await weir.connect();
    const plays: PeerStream[] = [];
    for (let index = 0; index < PLAYS_PER_CONNECTION_MAX; index += 1) {
      plays.push(await peer.play("many"));
    }
    const refused = await peer.create();
    refused.say("play", null, "many");
    await refused.waitStatus("NetStream.Play.Failed");
    await Promise.all(plays.map((play) => play.waitFrames(80)));
    for (const play of plays) {
      weir.assertWhole(play, 45);
    }
    assert.equal(weir.playersOf("many"), PLAYS_PER_CONNECTION_MAX);
    // Where one ends there is room again.
    plays[1]?.delete();
    refused.say("play", null, "many");
    await refused.waitFrames(30);
    await weir.waitPlayers("many", PLAYS_PER_CONNECTION_MAX);
    peer.close();
    publisher.close();
    await weir.waitEmpty();
  });

  test("a stream that never comes ends its own play only", LIMIT, async () => {
    const publisher = await weir.publish("there");
    const peer = await weir.connect();
    const there = await peer.play("there");
    const never = await peer.play("never");
    await never.waitStatus("NetStream.Play.StreamNotFound");
    await waitUntil(
      "it is forgotten",
      () => weir.weir.server.coordinator.find("__defaultVhost__/live/never") === undefined,
      3000,
    );
    await there.waitFrames(there.received.length + 40);
    weir.assertWhole(there, 30);
    // With nothing left the connection is over, as any player's.
    there.close();
    never.say("play", null, "never");
    assert.equal(await peer.waitEnd(6000), "eof");
    publisher.close();
    await weir.waitEmpty();
  });

  test("plays wait for their publishers, and stay when these leave and return", LIMIT, async () => {
    const peer = await weir.connect();
    const one = await peer.play("later1");
    const two = await peer.play("later2");
    const first = await weir.publish("later2");
    await two.waitFrames(40);
    weir.assertWhole(two, 15);
    first.close();
    await waitUntil(
      "the name is free",
      () => weir.weir.server.coordinator.find("__defaultVhost__/live/later2")?.publisher === null,
      3000,
    );
    const count = two.received.length;
    const second = await weir.publish("later2");
    await two.waitFrames(count + 40);
    assert.equal(
      two.received.slice(count).find((frame) => frame.type === 9 && isMedia(frame))?.kind,
      "key",
    );
    await one.waitStatus("NetStream.Play.StreamNotFound");
    peer.close();
    second.close();
    await weir.waitEmpty();
  });
});
