/** One stream on a gateway of the tests' own: a real publisher's rings, outlets and rows, viewers that keep all, a set clock. */
import { Board, boardBytes } from "../../../src/protocol/control/board.ts";
import type {
  RemuxSettings,
  RingLease,
  StreamSettings,
  TimelineEnd,
} from "../../../src/protocol/control/calls.ts";
import type { Message } from "../../../src/protocol/rtmp/message.ts";
import type { Form } from "../../../src/worker/deliver/form.ts";
import { HttpRows } from "../../../src/worker/deliver/http-rows.ts";
import {
  GatewayStream,
  type GatewayStreamHost,
  type Outlet,
} from "../../../src/worker/deliver/outlet.ts";
import type { FanOutHost } from "../../../src/worker/stream/fan-out-host.ts";
import { LiveStream } from "../../../src/worker/stream/live-stream.ts";
import { settings as defaults } from "../settings.ts";
import { lease } from "../shard-bench.ts";

const ROWS = 32;

/** What http_remux says unless a test says otherwise: the defaults of the directives. */
export function remux(more: Partial<RemuxSettings> = {}): RemuxSettings {
  return {
    ...{ format: "flv", hasAudio: true, hasVideo: true, guessHasAv: true },
    ...{ dropsUnannounced: true, fastCacheMs: 0, isLegacyHevc: false },
    ...more,
  };
}

/** A viewer that takes everything, or nothing. */
export class BenchViewer {
  readonly row: number;
  outlet: Outlet;
  hasRoom = true;
  readonly #parts: Uint8Array[] = [];

  constructor(row: number, outlet: Outlet) {
    this.row = row;
    this.outlet = outlet;
  }

  /** All that it got. */
  get bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  write(bytes: Uint8Array): boolean {
    this.#parts.push(bytes.slice());
    return this.hasRoom;
  }
}

export class GatewayBench implements GatewayStreamHost {
  readonly thread = 1;
  clock = 1000;
  readonly rows: HttpRows = new HttpRows(
    new Board(new SharedArrayBuffer(boardBytes(ROWS))),
    () => this.clock,
  );
  readonly stream: GatewayStream;
  readonly viewers: BenchViewer[] = [];
  /** Outlets all of whose viewers were ended. */
  readonly ended: Outlet[] = [];
  readonly #settings: StreamSettings;
  #live: LiveStream | undefined;
  /** A larger ring that the publisher asked for. */
  #wanted: RingLease | undefined;
  #previous: TimelineEnd | null = null;
  #ringId = 0;

  constructor(settings: Partial<StreamSettings> = {}) {
    this.#settings = { ...defaults, ...settings };
    this.stream = new GatewayStream(1, "v/live/a", this.#settings, this);
  }

  now(): number {
    return this.clock;
  }

  ringReleased(): void {
    // Nobody lends here.
  }

  outletSpent(spent: Outlet, next: Outlet | null): void {
    if (next === null) {
      this.ended.push(spent);
    }
    for (const viewer of this.viewers) {
      if (viewer.outlet === spent && next !== null && viewer.bytes.length === 0) {
        spent.fanOut.leave(viewer.row);
        viewer.outlet = next;
        next.fanOut.join(viewer.row);
      }
    }
  }

  fanOutHost(form: Form): FanOutHost {
    return {
      rows: this.rows,
      preamble: form,
      thread: this.thread,
      now: () => this.clock,
      stretch: () => 1,
      endRow: () => undefined,
      sendCopies: () => 0,
      ringReleased: () => undefined,
      continueLater: () => undefined,
      turnEnd: () => Number.POSITIVE_INFINITY,
    };
  }

  /** Somebody begins to watch. */
  view(settings: RemuxSettings): BenchViewer {
    const viewer = new BenchViewer(this.viewers.length + 1, this.stream.outletOf(settings));
    this.viewers.push(viewer);
    this.rows.open(viewer.row, viewer);
    this.rows.board.place[viewer.row] = -1;
    viewer.outlet.fanOut.join(viewer.row);
    return viewer;
  }

  /** A full viewer has room again. */
  drain(viewer: BenchViewer): void {
    viewer.hasRoom = true;
    this.rows.unblock(viewer.row);
    viewer.outlet.fanOut.sendRow(viewer.row);
  }

  /** Publishes messages, each at its time, from the publish's beginning or where it stands. */
  publish(messages: readonly Message[]): void {
    this.#live ??= this.#begin();
    let last = messages[0]?.timestamp ?? 0;
    for (const message of messages) {
      this.clock += Math.max(0, message.timestamp - last);
      last = message.timestamp;
      this.#live.append(message);
      const wanted = this.#wanted;
      if (wanted !== undefined) {
        this.#wanted = undefined;
        this.#live.installRing(wanted);
      }
      this.#live.flush();
      this.stream.advance();
      this.stream.tick();
    }
  }

  /** Time goes on: what waits for its turn is sent. */
  settle(): void {
    for (let tick = 0; tick < 50; tick += 1) {
      this.clock += 20;
      this.stream.tick();
    }
  }

  unpublish(): void {
    this.#previous = this.#live?.end() ?? null;
    this.#live = undefined;
    this.stream.advance();
    this.stream.tick();
  }

  #begin(): LiveStream {
    const lend = (bytes: number): RingLease => {
      this.#ringId += 1;
      return lease(this.#ringId, bytes);
    };
    return new LiveStream({
      streamId: 1,
      settings: this.#settings,
      lease: lend(512 * 1024),
      previous: this.#previous,
      host: {
        now: () => this.clock,
        requestRing: (_stream, bytes) => {
          this.#wanted = lend(bytes);
        },
        ringOpened: (_stream, opened) => this.stream.openRing(opened),
        ringClosed: () => undefined,
        wake: () => undefined,
      },
    });
  }
}
