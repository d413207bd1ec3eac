/** Who is let in, who is told no, and whose time is counted. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { closeDescriptor, openPair } from "../../../src/main/accept/native.ts";
import { connect, handshakeBytes } from "../../protocol/rtmp/session-harness.ts";
import { runChecked } from "../../support/process.ts";
import { waitUntil } from "../../support/scratch.ts";
import { startWeir } from "../../support/weir.ts";
import { startInProcess } from "./in-process.ts";
import {
  isRun,
  play,
  playDialogue,
  publish,
  publishDialogue,
  StampedPublisher,
  WireClient,
} from "./wire-client.ts";

const REJECTED = "NetConnection.Connect.Rejected";

function many(count: number, open: (index: number) => WireClient): WireClient[] {
  return Array.from({ length: count }, (_, index) => open(index));
}

describe("empty_ip_ok", () => {
  for (const [word, refusals] of [
    ["off", 1],
    ["on", undefined],
  ] as const) {
    test(`${word}: a peer that was gone before it was accepted`, { timeout: 30_000 }, async () => {
      const weir = await startInProcess({ directives: `empty_ip_ok ${word};` });
      const [peer, descriptor] = openPair();
      weir.server.lobby.accept({ descriptor, ip: "" });
      assert.equal(weir.server.lobby.refusals.get("empty_ip"), refusals);
      assert.equal(weir.server.lobby.size, word === "off" ? 0 : 1);
      closeDescriptor(peer);
      await weir.close();
    });
  }
});

describe("max_connections", () => {
  test("beyond it clients hear why, and room that comes free is used", {
    timeout: 30_000,
  }, async () => {
    const weir = await startInProcess({ directives: "max_connections 20;" });
    const served = await Promise.all(
      many(20, () => new WireClient(weir.port)).map((one, index) => {
        one.write(playDialogue(`full${index}`));
        return one.waitStatus("NetStream.Play.Start");
      }),
    );
    const refused = many(10, () => new WireClient(weir.port, playDialogue("more")));
    await Promise.all(refused.map((one) => one.waitEnd(5000)));
    for (const one of refused) {
      assert.deepEqual([one.statuses, one.end], [[REJECTED], "eof"]);
    }
    assert.equal(weir.server.lobby.refusals.get("max_connections"), 10);
    served.pop()?.destroy();
    await waitUntil("it is gone", () => weir.server.clients.size === 19, 5000);
    const another = await play(weir.port, "more");
    assert.equal(served.filter((one) => one.end === "open").length, 19);
    another.destroy();
    await weir.close();
  });

  test("who does not even listen to the refusal holds no place of those who do", {
    timeout: 30_000,
  }, async () => {
    const weir = await startInProcess({ directives: "max_connections 20;" });
    const served = await Promise.all(
      many(20, (index) => new WireClient(weir.port, playDialogue(`full${index}`))).map((one) =>
        one.waitStatus("NetStream.Play.Start"),
      ),
    );
    const silent = many(200, () => new WireClient(weir.port));
    await waitUntil(
      "most are closed at once",
      () => silent.filter((one) => one.end !== "open").length >= 136,
      5000,
    );
    assert.ok(weir.server.lobby.size <= 64, `${weir.server.lobby.size} newcomers`);
    assert.equal(served.filter((one) => one.end === "open").length, 20);
    await waitUntil(
      "it is told of",
      () => /closed at once: the server is full/.test(weir.log()),
      5000,
    );
    for (const one of [...silent, ...served]) {
      one.destroy();
    }
    await weir.close();
  });
});

describe("a lobby full of strangers", () => {
  test("A1-09: the oldest without handshake makes room for those who mean it", {
    timeout: 30_000,
  }, async () => {
    const weir = await startInProcess({ directives: "max_connections 300;" });
    const strangers = many(300, () => new WireClient(weir.port));
    await waitUntil("the lobby is full", () => weir.server.lobby.size === 300, 5000);
    await delay(1200);
    const startedAt = performance.now();
    const legit = await Promise.all(
      many(20, () => new WireClient(weir.port, playDialogue("legit"))).map((one) =>
        one.waitStatus("NetStream.Play.Start"),
      ),
    );
    assert.ok(performance.now() - startedAt < 2000);
    assert.equal(weir.server.lobby.refusals.get("crowded_out"), 20);
    assert.equal(strangers.filter((one) => one.end !== "open").length, 20);
    for (const one of [...strangers, ...legit]) {
      one.destroy();
    }
    await weir.close();
  });

  test("accept waits while too many have not said what they want, and loses nobody", {
    timeout: 60_000,
  }, async () => {
    const weir = await startInProcess({
      directives: "unidentified_max 40; handshake_timeout 20000; connect_timeout 2500;",
    });
    // They have shaken hands: nobody can be crowded out.
    const slow = many(40, () => new WireClient(weir.port, handshakeBytes()));
    await waitUntil("the lobby is full", () => weir.server.lobby.size === 40, 5000);
    const waiting = many(200, () => new WireClient(weir.port, playDialogue("waits")));
    await delay(500);
    assert.ok(weir.server.lobby.size <= 41, `${weir.server.lobby.size} in the lobby`);
    assert.equal(weir.server.clients.size, 0);
    for (const one of slow) {
      one.destroy();
    }
    await Promise.all(waiting.map((one) => one.waitStatus("NetStream.Play.Start", 20_000)));
    assert.equal(weir.server.clients.size, 200);
    for (const one of waiting) {
      one.destroy();
    }
    await waitUntil("all is gone", () => weir.server.clients.size === 0, 5000);
    const last = await publish(weir.port, "last");
    last.destroy();
    await weir.close();
  });

  test("accept goes on by itself when those in the way run out of time", {
    timeout: 30_000,
  }, async () => {
    const weir = await startInProcess({ directives: "unidentified_max 10; connect_timeout 1000;" });
    const slow = many(10, () => new WireClient(weir.port, handshakeBytes()));
    await waitUntil("the lobby is full", () => weir.server.lobby.size === 10, 5000);
    const player = new WireClient(weir.port, playDialogue("patient"));
    await player.waitStatus("NetStream.Play.Start", 10_000);
    assert.ok(slow.every((one) => one.end !== "open"));
    player.destroy();
    await weir.close();
  });
});

describe("a client that does not read", () => {
  test("of its replies holds only what a socket holds, and ends by its deadline", {
    timeout: 30_000,
  }, async () => {
    const weir = await startInProcess({ directives: "identify_timeout 2500;" });
    const client = new WireClient(weir.port);
    client.pause();
    client.write(handshakeBytes());
    client.write(connect());
    await delay(100);
    client.write(publishDialogue("unread").subarray(3073));
    await waitUntil("it has left the lobby", () => weir.server.lobby.size === 0, 10_000);
    client.destroy();
    await waitUntil("nothing is left", () => weir.server.coordinator.size === 0, 5000);
    await weir.close();
  });
});

describe("limits of the process", () => {
  test("C-33: close to the limit of open files newcomers are told, nobody is dropped, and it recovers", {
    timeout: 60_000,
  }, async () => {
    const weir = await startWeir({ workers: 2, directives: "max_connections 2000;" });
    const reference = new StampedPublisher(await publish(weir.port, "limit"));
    const watcher = await play(weir.port, "limit");
    // 256 are kept back: some 100 are left for connections.
    await runChecked("prlimit", ["--pid", String(weir.pid), "--nofile=400:20000"], {
      timeoutMs: 5000,
    });
    await delay(1200);
    const players = many(300, () => new WireClient(weir.port, playDialogue("limit")));
    await waitUntil(
      "all are answered",
      () => players.every((one) => one.statuses.length > 0 || one.end !== "open"),
      15_000,
    );
    const served = players.filter((one) => one.statuses.includes("NetStream.Play.Start"));
    const told = players.filter((one) => one.statuses.includes(REJECTED));
    assert.ok(served.length >= 50 && served.length < 150, `${served.length} served`);
    assert.ok(told.length >= 20, `${told.length} were told`);
    assert.equal(weir.process.isRunning, true);
    assert.doesNotMatch(weir.log(), /EMFILE/);
    await runChecked("prlimit", ["--pid", String(weir.pid), "--nofile=20000:20000"], {
      timeoutMs: 5000,
    });
    await waitUntil(
      "it takes newcomers again",
      () =>
        play(weir.port, "limit").then(
          (one) => one.end === "open",
          () => false,
        ),
      5000,
    );
    assert.ok(isRun(watcher.sequences), "a frame was lost");
    assert.equal(watcher.end, "open");
    reference.close();
    await weir.stop();
  });

  test("C-36: after a stop of the process nobody is blamed for it", {
    timeout: 60_000,
  }, async () => {
    const weir = await startWeir({
      workers: 2,
      directives: "handshake_timeout 1000; connect_timeout 1000; identify_timeout 1500;",
      vhost: "publish { firstpkt_timeout 1500; normal_timeout 1500; }",
    });
    const publishers = await Promise.all(
      [1, 2, 3].map(
        async (index) => new StampedPublisher(await publish(weir.port, `stop${index}`), 40),
      ),
    );
    const silent = many(20, () => new WireClient(weir.port));
    const talking = many(20, () => new WireClient(weir.port, handshakeBytes()));
    await delay(200);
    weir.process.kill("SIGSTOP");
    await delay(200);
    for (const [index, one] of talking.entries()) {
      one.write(playDialogue(`stop${index % 3}`).subarray(3073));
    }
    await delay(4000);
    weir.process.kill("SIGCONT");
    await Promise.all(talking.map((one) => one.waitStatus("NetStream.Play.Start")));
    for (const { client } of publishers) {
      assert.equal(client.end, "open");
    }
    // Those who really say nothing go.
    await Promise.all(silent.map((one) => one.waitEnd(5000)));
    await delay(300);
    assert.doesNotMatch(weir.log(), /no media|shard died|terminated/);
    for (const one of publishers) {
      assert.equal(one.client.end, "open");
      one.close();
    }
    await weir.stop();
  });
});
