/** Viewers of HLS against a server of the test's own: what they ask for and when, what they count and what they notice. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { HlsPlayer, pollWhenDue } from "../../bench/generator/hls-player.ts";
import { SegmentSizes } from "../../bench/generator/segment-check.ts";
import { Tally } from "../../bench/generator/tally.ts";
import { nowUs } from "../../bench/native/clock.ts";
import { DueQueue } from "../../bench/native/due-queue.ts";
import { Reactor } from "../../bench/native/reactor.ts";
import { makeTransportStream } from "./transport-stream.ts";

const LIMIT = { timeout: 60_000 };
const PACKET_BYTES = 188;
const SEGMENT_MS = 200;
const LISTED = 3;
const VIDEO_FRAMES = 30;

const media = makeTransportStream();

/** Packets that carry nothing: 200 KB and more, another size for each segment. */
function nullPackets(sequence: number): Uint8Array {
  const bytes = new Uint8Array(PACKET_BYTES * (1100 + sequence)).fill(0xff);
  for (let at = 0; at < bytes.length; at += PACKET_BYTES) {
    bytes.set([0x47, 0x1f, 0xff, 0x10], at);
  }
  return bytes;
}

const sequenceOf = (path: string): number => Number(/\d+/.exec(path)?.[0]);

describe("viewers of HLS", () => {
  let server: Server;
  let reactor: Reactor;
  let tally: Tally;
  let polls: DueQueue<HlsPlayer>;
  /** When each request came, and what it was for. */
  let asked: { readonly path: string; readonly timeUs: number }[];
  let beganUs: number;
  /** What a segment answers where it is not as usual. */
  let answer: (path: string) => { status: number; body: Uint8Array } | undefined;
  /** By sequence, in the order in which they were asked for. */
  let bodies: Map<number, Uint8Array>;

  const firstListed = (): number => Math.floor((nowUs() - beganUs) / 1000 / SEGMENT_MS);

  function playlist(): string {
    const first = firstListed();
    const lines = Array.from(
      { length: LISTED },
      (_, index) => `#EXTINF:${SEGMENT_MS / 1000},\ns-${first + index}.ts`,
    );
    return `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:${first}\n${lines.join("\n")}\n`;
  }

  /** The first two that anybody asks for have frames. */
  function segment(path: string): { status: number; body: Uint8Array } {
    const sequence = sequenceOf(path);
    const body = bodies.get(sequence) ?? (bodies.size < 2 ? media : nullPackets(sequence));
    bodies.set(sequence, body);
    return answer(path) ?? { status: 200, body };
  }

  beforeEach(async () => {
    asked = [];
    bodies = new Map();
    answer = () => undefined;
    tally = new Tally();
    polls = new DueQueue();
    reactor = new Reactor();
    reactor.addTask((timeUs) => pollWhenDue(polls, timeUs));
    server = createServer((request, response) => {
      const path = request.url ?? "";
      asked.push({ path, timeUs: nowUs() });
      if (path.endsWith(".m3u8")) {
        response.end(playlist());
        return;
      }
      const { status, body } = segment(path);
      response.writeHead(status, { "Content-Length": body.length });
      response.end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    beganUs = nowUs();
    reactor.start();
  });

  afterEach(() => {
    reactor.stop();
    server.closeAllConnections();
    server.close();
  });

  function open(isWhole: boolean, segmentSizes: SegmentSizes): void {
    const { port } = server.address() as AddressInfo;
    const target = { port, wire: "hls", app: "", path: "/{stream}.m3u8" } as const;
    new HlsPlayer(
      reactor,
      { ...target, role: "play", stream: "x" },
      { tally, arrivalUs: nowUs(), isWhole, sizes: segmentSizes, polls },
    );
  }

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await sleep(10);
    }
  }

  for (const isWhole of [true, false]) {
    test(
      `one that ${isWhole ? "reads all" : "drops what it need not see"} gets every segment once`,
      LIMIT,
      async () => {
        open(isWhole, new SegmentSizes());
        await until(() => tally.counts.segments >= 6 || tally.counts.lost > 0);
        reactor.stop();
        const { counts } = tally;
        assert.deepEqual(tally.progress().reasons, []);
        assert.equal(counts.live, 1);
        const names = asked.map(({ path }) => path).filter((path) => path.endsWith(".ts"));
        assert.equal(new Set(names).size, names.length);
        const whole = [...bodies.values()].slice(0, counts.segments);
        const bytes = whole.reduce((sum, { length }) => sum + length, 0);
        assert.ok(counts.payloadBytes >= bytes, `${counts.payloadBytes} of ${bytes}`);
        assert.ok(isWhole ? counts.frames === 2 * VIDEO_FRAMES : counts.frames < VIDEO_FRAMES);
      },
    );
  }

  test("polls once for each segment, when its clock says", LIMIT, async () => {
    const arrivalUs = nowUs();
    open(false, new SegmentSizes());
    await until(() => tally.counts.playlists >= 8 || tally.counts.lost > 0);
    const times = asked.filter(({ path }) => path.endsWith(".m3u8")).map(({ timeUs }) => timeUs);
    assert.ok(times.length >= 8);
    for (const [index, timeUs] of times.entries()) {
      // Later than due a busy machine may make it; earlier never.
      const sinceMs = (timeUs - arrivalUs) / 1000;
      assert.ok(sinceMs >= index * SEGMENT_MS, `poll ${index} after ${sinceMs} ms`);
    }
  });

  test("a segment that is refused is missed, and the viewer goes on", LIMIT, async () => {
    let refused = "";
    answer = (path) => {
      const isFirst = refused === "" && tally.counts.segments >= 2;
      refused = isFirst ? path : refused;
      return path === refused ? { status: 404, body: new Uint8Array(9) } : undefined;
    };
    open(false, new SegmentSizes());
    await until(() => tally.counts.segments >= 5 || tally.counts.lost > 0);
    assert.deepEqual(tally.progress().reasons, []);
    assert.ok(tally.counts.segmentsMissed >= 1 && tally.counts.refusals >= 1);
  });

  test("a connection that is closed between answers is opened again", LIMIT, async () => {
    open(true, new SegmentSizes());
    await until(() => tally.counts.segments >= 1 || tally.counts.lost > 0);
    await until(() => {
      server.closeIdleConnections();
      return tally.counts.reconnects > 0 || tally.counts.lost > 0;
    });
    const { segments } = tally.counts;
    await until(() => tally.counts.segments >= segments + 2 || tally.counts.lost > 0);
    assert.deepEqual(tally.progress().reasons, []);
  });

  test("one that gets other bytes than others is lost", LIMIT, async () => {
    const known = new SegmentSizes();
    answer = (path) => {
      if (tally.counts.segments >= 2) {
        known.compare(sequenceOf(path), 1);
      }
      return undefined;
    };
    open(false, known);
    await until(() => tally.counts.lost >= 1);
    assert.equal(tally.counts.segments, 2);
    assert.match(tally.progress().reasons.join(), /segment \d+ of \d+ bytes, of 1 before/);
  });
});
