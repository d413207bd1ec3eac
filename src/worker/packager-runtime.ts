/**
 * What a packager does: reads the rings of the streams that are its own, makes HLS of them, and tells the primary, which
 * tells every gateway. A stream has one packager for the host, whoever publishes it; its output goes on through
 * republish and through the death of a shard.
 */
import type { MessagePort } from "node:worker_threads";
import { Board, Counter, RowState } from "../protocol/control/board.ts";
import type {
  ForgetStream,
  FromShard,
  RingNews,
  SettingsNews,
  ShardStart,
  StreamNews,
} from "../protocol/control/calls.ts";
import { VersionWord } from "../protocol/control/version-word.ts";
import { Doorbell } from "../protocol/ring/doorbell.ts";
import { runFault } from "./fault.ts";
import { PackagedStream, type PackagedStreamHost } from "./hls/packaged-stream.ts";
import { monotonicMs } from "./io/clock.ts";
import { JobPool } from "./jobs/job-pool.ts";
import { openPrimaryLink } from "./primary-link.ts";
import { SettingsChanges } from "./settings-changes.ts";

/** Rings are looked at this often: they hold more than a GOP. Those of LL-HLS ring the bell. */
const TICK_MS = 50;
const TENTH_MS = 100;
const SECOND_MS = 1000;
const BELL_TIMEOUT_MS = 1000;
/** What is written at the end has this long. */
const CLOSE_TIMEOUT_MS = 1500;
/** Streams remembered for their numbers, of those that are neither live nor kept. */
const STREAMS_MAX = 10_000;
const FORGET_MS = 3_600_000;

/** News of streams. */
export type PackagerNews = StreamNews | RingNews | SettingsNews | ForgetStream;

interface Known {
  readonly stream: PackagedStream;
  announcement: number;
}

/** One packager thread's state. */
export class PackagerRuntime {
  readonly #post: (message: FromShard) => void;
  readonly #board: Board;
  readonly #bell: Doorbell;
  readonly #thread: number;
  readonly #jobs = new JobPool();
  readonly #changes: SettingsChanges;
  readonly #host: PackagedStreamHost;
  /** By directory number. */
  readonly #known = new Map<number, Known>();
  readonly #streams = new Map<string, PackagedStream>();
  #fileId = 0;
  #isStopped = false;
  #nextTenth = 0;
  #nextSecond = 0;

  constructor(start: ShardStart, calls: MessagePort, post: (message: FromShard) => void) {
    this.#post = post;
    this.#thread = start.thread;
    this.#board = new Board(start.board);
    this.#bell = new Doorbell(start.doorbells);
    this.#changes = new SettingsChanges(new VersionWord(start.version), (change) =>
      this.#known.get(change.streamId)?.stream.change(change.settings.hls),
    );
    openPrimaryLink(calls, {
      // A session's row: the primary holds what there is to end.
      kick: (row, inode, reason) => {
        const isThere = this.#board.inode[row] === inode;
        if (isThere) {
          this.#rowEnded(row, reason);
        }
        return isThere;
      },
      fault: (fault) => runFault(start.allowFaults, fault),
      unused: (lease) => this.#ringReleased(lease.ringId),
      unusedRow: () => undefined,
    });
    this.#host = {
      thread: start.thread,
      now: monotonicMs,
      wallMs: Date.now,
      nextFileId: () => {
        this.#fileId += 1;
        return this.#fileId;
      },
      runFileSteps: (steps) => this.#jobs.runFileSteps(steps),
      readSmallText: (file) => this.#jobs.readSmallText(file),
      news: (news) => post(news),
      dropped: (key, dropped) =>
        post({
          ...{ kind: "hls", key, path: "", playlist: undefined, added: [], dropped },
          ...{ segment: null, isFirst: false },
        }),
      trouble: (trouble) => post(trouble),
      ringReleased: (ringId) => this.#ringReleased(ringId),
    };
  }

  /** Starts ticking and listening to the doorbell. */
  run(): void {
    this.#board.counters[Counter.Heartbeat] = monotonicMs();
    this.#tick();
    void this.#listen();
  }

  /** Takes news of the primary. */
  take(news: PackagerNews): void {
    if (news.kind === "stream") {
      this.#learn(news);
    } else if (news.kind === "forget") {
      this.#forget(news);
    } else if (news.kind === "settings") {
      this.#changes.take(news);
      this.#post({ kind: "settings-accepted", version: news.version });
    } else if (news.lease !== null) {
      const known = this.#known.get(news.streamId);
      if (known === undefined) {
        this.#ringReleased(news.lease.ringId);
      } else {
        known.stream.openRing(news.lease);
        known.stream.advance();
      }
    }
  }

  /** Ends every output; resolves when what they hold is on disk, or has had its time. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#bell.ring(this.#thread);
    const closing = [...this.#streams.values()].map((stream) => stream.close());
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
    });
    await Promise.race([Promise.all(closing), timeout]);
    clearTimeout(timer);
    await this.#jobs.close();
  }

  #learn({ streamId, key, settings, announcement }: StreamNews): void {
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      stream = new PackagedStream(key, this.#host);
      this.#streams.set(key, stream);
    }
    stream.change(settings.hls);
    this.#known.set(streamId, { stream, announcement });
  }

  #forget({ streamId, announcement }: ForgetStream): void {
    const known = this.#known.get(streamId);
    if (known !== undefined && known.announcement <= announcement) {
      this.#known.delete(streamId);
      const isKnownElse = [...this.#known.values()].some(({ stream }) => stream === known.stream);
      if (!isKnownElse) {
        known.stream.forget();
      }
    }
  }

  #ringReleased(ringId: number): void {
    this.#post({ kind: "ring-released", ringId });
  }

  #rowEnded(row: number, reason: Extract<FromShard, { kind: "gone" }>["reason"]): void {
    const bytesOut = this.#board.bytesOut[row] ?? 0;
    this.#board.inode[row] = -1;
    Atomics.store(this.#board.state, row, RowState.Free);
    this.#post({ kind: "gone", row, reason, detail: "", bytesIn: 0, bytesOut });
  }

  #advanceAll(): void {
    this.#changes.follow();
    let isDone = true;
    for (const { stream } of this.#known.values()) {
      isDone = stream.advance() && isDone;
    }
    if (!(isDone || this.#isStopped)) {
      // What is left is taken after the messages that have come meanwhile.
      setImmediate(() => this.#advanceAll());
    }
  }

  async #listen(): Promise<void> {
    while (!this.#isStopped) {
      const seen = this.#bell.value(this.#thread);
      this.#advanceAll();
      const rung = this.#bell.wait(this.#thread, seen, BELL_TIMEOUT_MS);
      if (rung !== null) {
        await rung;
      } else {
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    }
  }

  #tick(): void {
    if (this.#isStopped) {
      return;
    }
    const now = monotonicMs();
    this.#advanceAll();
    if (now >= this.#nextTenth) {
      this.#nextTenth = now + TENTH_MS;
      this.#board.counters[Counter.Heartbeat] = now;
    }
    if (now >= this.#nextSecond) {
      this.#nextSecond = now + SECOND_MS;
      this.#tickSecond();
    }
    setTimeout(() => this.#tick(), TICK_MS);
  }

  #tickSecond(): void {
    const live = new Set([...this.#known.values()].map(({ stream }) => stream));
    const isCrowded = this.#streams.size > STREAMS_MAX;
    for (const [key, stream] of [...this.#streams]) {
      stream.tickSlow();
      if (!live.has(stream) && stream.idleMs > (isCrowded ? SECOND_MS : FORGET_MS)) {
        this.#streams.delete(key);
      }
    }
    let laps = 0;
    for (const stream of this.#streams.values()) {
      laps += stream.laps;
    }
    this.#board.counters[Counter.Skips] = laps;
  }
}
