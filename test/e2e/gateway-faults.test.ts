/** Gateways that throw or hang while RTMP players must not notice. */
import assert from "node:assert/strict";
import { type ClientRequest, get, type IncomingMessage } from "node:http";
import { after, before, describe, type TestContext, test } from "node:test";
import type { ShardLink } from "../../src/main/shards/shard-link.ts";
import { type InProcess, startInProcess } from "../main/accept/in-process.ts";
import {
  isRun,
  play,
  publish,
  StampedPublisher,
  type WireClient,
} from "../main/accept/wire-client.ts";
import { findFreePort, isListening, waitUntil } from "../support/scratch.ts";

/** What is promised is 1 s; a busy machine gets more, so that a failure means something. */
const BACK_MS = 4000;
/** The library that is meant for many gets many. */
const VIEWERS = { uws: 500, node: 100 } as const;

/** A viewer that counts. */
class Viewer {
  bytes = 0;
  isOver = false;

  readonly #request: ClientRequest;

  constructor(url: string) {
    this.#request = get(url, { agent: false }, (response: IncomingMessage) => {
      response.on("data", (part: Buffer) => {
        this.bytes += part.length;
      });
      response.on("error", () => undefined);
      response.on("close", () => {
        this.isOver = true;
      });
    }).on("error", () => {
      this.isOver = true;
    });
  }

  close(): void {
    this.#request.destroy();
  }
}

for (const backend of ["uws", "node"] as const) {
  describe(`a gateway on ${backend}`, () => {
    let weir: InProcess;
    let http: number;
    let publisher: StampedPublisher;
    let players: WireClient[];

    before(async () => {
      http = await findFreePort();
      weir = await startInProcess({
        workers: 2,
        directives: `http_backend ${backend}; gateways 1; http_server { enabled on; listen 127.0.0.1:${http}; }`,
        vhost: "http_remux { enabled on; }",
        limits: { watchMs: 50, hangWarnMs: 500, hangKillMs: 1500, crashesMax: 1000 },
      });
      publisher = new StampedPublisher(await publish(weir.port, "a"));
      players = await Promise.all([1, 2, 3, 4].map(() => play(weir.port, "a")));
    });

    after(() => weir?.close());

    const gateway = (): ShardLink | undefined => weir.server.supervisor.links[2];

    const newViewer = (): Viewer => new Viewer(`http://127.0.0.1:${http}/live/a.flv`);

    async function watch(count: number): Promise<Viewer[]> {
      const viewers = Array.from({ length: count }, newViewer);
      await waitUntil("all watch", () => viewers.every(({ bytes }) => bytes > 0), 20_000);
      return viewers;
    }

    /** All of them come again, each until it is let in. */
    async function watchAgain(count: number): Promise<Viewer[]> {
      const viewers = Array.from({ length: count }, newViewer);
      const isWatched = (): boolean => {
        for (const [index, { isOver }] of viewers.entries()) {
          if (isOver) {
            viewers[index] = newViewer();
          }
        }
        return viewers.every(({ bytes, isOver }) => bytes > 0 && !isOver);
      };
      await waitUntil("all watch again", isWatched, 20_000);
      return viewers;
    }

    /** Breaks the gateway and sees that it comes back, its viewers are let go and players see no gap. */
    async function breakIt(fault: "throw" | "hang", context: TestContext): Promise<void> {
      const count = VIEWERS[backend];
      const viewers = await watch(count);
      const broken = gateway();
      assert.equal(weir.server.clients.size, 5 + count);
      const brokenAtMs = performance.now();
      void broken?.fault(fault).catch(() => undefined);
      await waitUntil(
        "another one runs",
        () => gateway() !== broken && gateway()?.isAlive === true,
        BACK_MS,
      );
      await waitUntil("it listens", () => isListening(http), BACK_MS);
      const backMs = Math.round(performance.now() - brokenAtMs);
      await waitUntil("viewers are gone", () => viewers.every(({ isOver }) => isOver), BACK_MS);
      await waitUntil("viewers are forgotten", () => weir.server.clients.size === 5, BACK_MS);
      const later = await watchAgain(count);
      const againMs = Math.round(performance.now() - brokenAtMs);
      context.diagnostic(
        `${count} viewers: back after ${backMs} ms, all watch after ${againMs} ms`,
      );
      const [before] = [publisher.sequence];
      await waitUntil("media go on", () => publisher.sequence > before + 20, 5000);
      for (const player of players) {
        assert.equal(player.end, "open");
        assert.ok(isRun(player.sequences), "a player lost frames");
      }
      for (const viewer of later) {
        viewer.close();
      }
      await waitUntil("they left", () => weir.server.clients.size === 5, BACK_MS);
    }

    test("that throws is replaced, RTMP players lose nothing", {
      timeout: 60_000,
    }, async (context) => {
      await breakIt("throw", context);
    });

    if (backend === "node") {
      test("that hangs is replaced, RTMP players lose nothing", {
        timeout: 60_000,
      }, async (context) => {
        await breakIt("hang", context);
      });
    }
  });
}
