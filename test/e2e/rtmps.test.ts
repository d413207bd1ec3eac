/** RTMP over TLS: a thread of its own does the encryption, everything else is as without. */
import assert from "node:assert/strict";
import { copyFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import {
  type InProcess,
  type InProcessOptions,
  openDescriptors,
  startInProcess,
  waitDescriptors,
} from "../main/accept/in-process.ts";
import {
  isRun,
  play,
  playDialogue,
  publish,
  StampedPublisher,
  WireClient,
} from "../main/accept/wire-client.ts";
import { message } from "../protocol/rtmp/session-harness.ts";
import { type CertificateFiles, makeCertificate } from "../support/certificates.ts";
import { findFreePort, waitUntil } from "../support/scratch.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;
const PLAYERS = 200;
const SLOW = "handshake_timeout 1000; player_stall 3000; unidentified_max 8;";

let weir: InProcess;
let tls: number;
let files: CertificateFiles;

function optionsOf(more = "", vhost = ""): InProcessOptions {
  return {
    workers: 2,
    directives: `rtmps { enabled on; listen 127.0.0.1:${tls}; key ${files.key}; cert ${files.certificate}; } ${more}`,
    vhost,
    limits: { watchMs: 50, hangWarnMs: 500, hangKillMs: 1500, crashesMax: 1000 },
  };
}

async function start(more = "", vhost = ""): Promise<void> {
  tls = await findFreePort();
  files = makeCertificate({ name: "first" });
  weir = await startInProcess(optionsOf(more, vhost));
}

function secure(options: ConnectionOptions = {}, localAddress = "127.0.0.1"): TLSSocket {
  const socket = connect({ host: "127.0.0.1", port: tls, localAddress, noDelay: true });
  return connectTls({ socket, rejectUnauthorized: false, ...options });
}

/** A connection that says nothing of itself. */
function stranger(): Socket {
  return connect({ host: "127.0.0.1", port: tls }).on("error", () => undefined);
}

/** The name that the server's certificate carries now. */
async function certificateName(): Promise<string> {
  const socket = secure();
  await new Promise((resolve, reject) => socket.on("secureConnect", resolve).on("error", reject));
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

function idle(): boolean {
  return weir.server.lobby.size === 0;
}

describe("over TLS", () => {
  before(() =>
    start("", "security { enabled on; allow publish all; allow play all; deny play 127.0.0.9; }"),
  );
  after(() => weir?.close());

  test("publishes and plays, mixed with plain RTMP, every byte as sent", LIMIT, async () => {
    const publisher = new StampedPublisher(await publish(secure(), "a"));
    const plain = new StampedPublisher(await publish(weir.port, "b"));
    const players = [
      await play(secure(), "a"),
      await play(weir.port, "a"),
      await play(secure(), "b"),
    ];
    await waitUntil("media", () => players.every(({ media }) => media.length > 100), WAIT_MS);
    for (const player of players) {
      assert.ok(isRun(player.sequences), "no gap");
      assert.equal(player.spoilt, 0);
      assert.equal(player.end, "open");
    }
    publisher.close();
    plain.close();
    players.forEach((player) => {
      player.destroy();
    });
    await waitUntil("all are gone", () => weir.server.clients.size === 0, WAIT_MS);
  });

  test("the client's address counts, in the log and in rules", LIMIT, async () => {
    const publisher = new StampedPublisher(await publish(secure({}, "127.0.0.8"), "r"));
    const denied = new WireClient(secure({}, "127.0.0.9"), playDialogue("r"));
    // The refusal reaches it before the end does.
    await denied.waitStatus("NetStream.Play.Failed", WAIT_MS);
    await denied.waitEnd(WAIT_MS);
    assert.equal(denied.end, "eof");
    assert.match(weir.log(), /publish, vhost=h, app=live, stream=r, ip=127\.0\.0\.8,/);
    assert.match(weir.log(), /refused: .* ip=127\.0\.0\.9/);
    publisher.close();
    await waitUntil("all are gone", () => weir.server.clients.size === 0, WAIT_MS);
  });

  test(`${PLAYERS} players get every frame`, LIMIT, async () => {
    const publisher = new StampedPublisher(await publish(secure(), "many"), 40);
    const players = await Promise.all(
      Array.from({ length: PLAYERS }, () => play(secure(), "many")),
    );
    const from = publisher.sequence;
    await waitUntil("frames", () => publisher.sequence > from + 50, WAIT_MS);
    publisher.stop();
    const last = publisher.sequence - 1;
    await waitUntil(
      "all have the last frame",
      () => players.every(({ media }) => media.at(-1)?.sequence === last),
      WAIT_MS,
    );
    for (const player of players) {
      assert.ok(isRun(player.sequences));
      assert.equal(player.spoilt, 0);
      player.destroy();
    }
    publisher.close();
    await waitUntil("all are gone", () => weir.server.clients.size === 0, WAIT_MS);
  });

  test("no descriptor is left when clients have gone, however they went", LIMIT, async () => {
    await delay(100);
    const descriptors = openDescriptors();
    const ways: ((client: WireClient) => void)[] = [
      (client) => client.finish(),
      (client) => client.destroy(),
    ];
    for (const leave of ways) {
      const publisher = await publish(secure(), "d");
      const player = await play(secure(), "d");
      leave(player);
      leave(publisher);
      await waitUntil("they are gone", () => weir.server.clients.size === 0, WAIT_MS);
      player.destroy();
      publisher.destroy();
    }
    const raw = secure();
    await new Promise((resolve) => raw.on("secureConnect", resolve));
    raw.on("error", () => undefined);
    raw.destroy();
    const reset = connect({ host: "127.0.0.1", port: tls });
    reset.on("connect", () => reset.resetAndDestroy());
    await waitUntil("the lobby is empty", idle, WAIT_MS);
    await waitDescriptors(descriptors, WAIT_MS);
  });

  test("A1-05 plain RTMP on the TLS port is closed, nothing is kept", LIMIT, async () => {
    const client = new WireClient(tls, playDialogue("a"));
    await client.waitEnd(WAIT_MS);
    assert.ok(client.bytes < 16, `${client.bytes} bytes: at most an alert`);
    await waitUntil("the lobby is empty", idle, WAIT_MS);
    await waitUntil(
      "it is told",
      () => /no handshake: .*ip=127\.0\.0\.1/.test(weir.log()),
      WAIT_MS,
    );
  });

  test("B-28 works without SNI, and with TLS 1.2; older versions are refused", LIMIT, async () => {
    for (const options of [
      {},
      { servername: "unknown.example" },
      { maxVersion: "TLSv1.2" as const },
    ]) {
      const client = await publish(secure(options), "versions");
      client.destroy();
      await waitUntil("it is gone", () => weir.server.clients.size === 0, WAIT_MS);
    }
    const old = secure({ minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL@SECLEVEL=0" });
    const error = await new Promise<Error>((resolve) => old.on("error", resolve));
    assert.match(error.message, /protocol version|unsupported|EPROTO|ECONNRESET/i);
  });

  test(
    "a swap of the certificate disturbs no session; a bad one changes nothing",
    LIMIT,
    async () => {
      const publisher = new StampedPublisher(await publish(secure(), "swap"));
      const player = await play(secure(), "swap");
      await waitUntil("media", () => player.media.length > 10, WAIT_MS);
      assert.equal(await certificateName(), "first");

      const second = makeCertificate({ name: "second", kind: "rsa" });
      copyFileSync(second.key, files.key);
      assert.match((await weir.reload(optionsOf())).error?.message ?? "", /does not belong/);
      assert.equal(await certificateName(), "first", "a half-written pair changes nothing");
      copyFileSync(second.certificate, files.certificate);
      assert.equal((await weir.reload(optionsOf())).error, undefined);
      assert.equal(await certificateName(), "second", "the same path, new content");

      const third = makeCertificate({ name: "third" });
      const before = files;
      files = third;
      assert.equal((await weir.reload(optionsOf())).error, undefined);
      assert.equal(await certificateName(), "third", "another path");

      writeFileSync(third.certificate, "spoilt");
      const { error } = await weir.reload(optionsOf());
      assert.match(error?.message ?? "", /test\.conf:\d+:\d+: cert .*holds no certificate/);
      assert.equal(await certificateName(), "third");
      files = before;
      assert.equal((await weir.reload(optionsOf())).error, undefined);

      const seen = player.media.length;
      await waitUntil("media go on", () => player.media.length > seen + 20, WAIT_MS);
      assert.ok(isRun(player.sequences), "the session did not notice");
      publisher.close();
      player.destroy();
      await waitUntil("all are gone", () => weir.server.clients.size === 0, WAIT_MS);
    },
  );

  test("addresses come and go by a reload, sessions stay", LIMIT, async () => {
    const publisher = new StampedPublisher(await publish(secure(), "moved"));
    const old = tls;
    tls = await findFreePort();
    assert.equal((await weir.reload(optionsOf())).error, undefined);
    const player = await play(secure(), "moved");
    await assert.rejects(
      () => new Promise((_, reject) => connect(old, "127.0.0.1").on("error", reject)),
      /ECONNREFUSED/,
    );
    assert.equal((await weir.reload({ ...optionsOf(), directives: "" })).error, undefined);
    const seen = player.media.length;
    await waitUntil("media go on", () => player.media.length > seen + 20, WAIT_MS);
    assert.equal((await weir.reload(optionsOf())).error, undefined);
    const another = await play(secure(), "moved");
    for (const client of [another, player, publisher]) {
      client instanceof StampedPublisher ? client.close() : client.destroy();
    }
    await waitUntil("all are gone", () => weir.server.clients.size === 0, WAIT_MS);
  });
});

describe("clients that are slow", () => {
  before(() => start(SLOW));
  after(() => weir?.close());

  test("a handshake that stalls, or drips, ends at its deadline", LIMIT, async () => {
    const began = performance.now();
    const [silent, dripping] = [stranger(), stranger()];
    // The beginning of a ClientHello of 512 bytes.
    dripping.write(Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3));
    const drip = setInterval(() => dripping.write(Uint8Array.of(7)), 50);
    await waitUntil("they count", () => weir.server.lobby.size === 2, WAIT_MS);
    for (const socket of [silent, dripping]) {
      socket.resume();
      if (!socket.closed) {
        await new Promise((resolve) => socket.on("close", resolve));
      }
    }
    clearInterval(drip);
    assert.ok(performance.now() - began >= 900, "not before");
    await waitUntil("the lobby is empty", idle, WAIT_MS);
    assert.match(weir.log(), /no handshake in time, ip=127\.0\.0\.1/);
  });

  test("strangers count for unidentified_max, and make room", LIMIT, async () => {
    const strangers = Array.from({ length: 20 }, stranger);
    await waitUntil("the lobby is full", () => weir.server.lobby.size === 8, WAIT_MS);
    const client = await publish(secure(), "late");
    client.destroy();
    strangers.forEach((socket) => {
      socket.destroy();
    });
    await waitUntil("the lobby is empty", idle, WAIT_MS);
  });

  test(
    "handshakes are taken a few at a time; silent ones keep nobody waiting for long",
    LIMIT,
    async () => {
      // One that has not come so far waits in the kernel's queue, where no deadline runs.
      assert.equal(
        (await weir.reload(optionsOf("unidentified_max 4096; handshake_timeout 5000;"))).error,
        undefined,
      );
      const silent = Array.from({ length: 300 }, () =>
        connect({ host: "127.0.0.1", port: tls }).on("error", () => undefined),
      );
      await waitUntil("some are in", () => weir.server.lobby.size >= 128, WAIT_MS);
      assert.ok(weir.server.lobby.size < 600, "not all at once");
      const client = await publish(secure(), "behind");
      client.destroy();
      silent.forEach((socket) => {
        socket.destroy();
      });
      await waitUntil("the lobby is empty", idle, WAIT_MS);
      assert.equal((await weir.reload(optionsOf(SLOW))).error, undefined);
    },
  );

  test("a player that reads nothing is closed, nobody else notices", LIMIT, async () => {
    const publisher = await publish(secure(), "large");
    const player = await play(secure(), "large");
    const stuck = await play(secure(), "large");
    stuck.pause();
    const payload = new Uint8Array(60_000);
    let sent = 0;
    const timer = setInterval(() => {
      payload[0] = sent % 10 === 0 ? 0x17 : 0x27;
      payload[1] = 1;
      sent += 1;
      publisher.write(message(9, payload, { streamId: 1, timestamp: sent * 10, chunkStreamId: 6 }));
    }, 20);
    await waitUntil("it is closed", () => /ended: stalled/.test(weir.log()), WAIT_MS);
    const [seen, from] = [player.bytes, sent];
    await waitUntil("the other goes on", () => player.bytes > seen + 500_000, WAIT_MS);
    clearInterval(timer);
    assert.ok(sent > from);
    assert.equal(player.end, "open");
    stuck.destroy();
    player.destroy();
    publisher.destroy();
    await waitUntil("all are gone", () => weir.server.clients.size === 0, WAIT_MS);
  });
});

describe("the TLS thread", () => {
  before(() => start());
  after(() => weir?.close());

  for (const fault of ["throw", "hang", "oom"] as const) {
    test(`that is broken by ${fault} is replaced; plain RTMP goes on`, LIMIT, async () => {
      const publisher = new StampedPublisher(await publish(weir.port, "p"));
      const player = await play(weir.port, "p");
      const descriptors = openDescriptors();
      const lost = await play(secure(), "p");
      const strangers: Socket[] = [1, 2, 3].map(stranger);
      await waitUntil("strangers wait", () => weir.server.lobby.size === 3, WAIT_MS);
      const deaths = (): number => weir.log().split(" died: ").length;
      const before = deaths();
      weir.server.tlsFront.fault(fault);
      await lost.waitEnd(WAIT_MS);
      await waitUntil("its end is told", () => deaths() > before, WAIT_MS);
      await waitUntil("only two are left", () => weir.server.clients.size === 2, WAIT_MS);
      strangers.forEach((socket) => {
        socket.destroy();
      });
      const again = await play(secure(), "p");
      await waitUntil("it plays", () => again.media.length > 10, WAIT_MS);
      again.destroy();
      lost.destroy();
      assert.ok(isRun(player.sequences), "the plain player lost nothing");
      assert.equal(player.end, "open");
      await waitUntil("it is gone", () => weir.server.clients.size === 2, WAIT_MS);
      await waitDescriptors(descriptors, WAIT_MS);
      publisher.close();
      player.destroy();
      await waitUntil("all are gone", () => weir.server.clients.size === 0, WAIT_MS);
    });
  }

  test("ends with the server: clients get what is left and an end", LIMIT, async () => {
    const publisher = new StampedPublisher(await publish(secure(), "z"));
    const player = await play(secure(), "z");
    await waitUntil("media", () => player.media.length > 10, WAIT_MS);
    publisher.stop();
    await weir.close();
    await player.waitEnd(WAIT_MS);
    assert.equal(player.end, "eof");
    publisher.close();
  });
});
