/**
 * What a packager does: reads the rings of the streams that are its own, makes HLS and recordings of them, and tells the
 * primary, which tells every gateway of HLS. A stream has one packager for the host, whoever publishes it; its output goes on through
 * republish and through the death of a shard.
 */
import type { MessagePort } from "node:worker_threads";
import { Board, Counter } from "../protocol/control/board.ts";
import type {
  EndReason,
  ForgetStream,
  FromShard,
  RingNews,
  SettingsNews,
  ShardStart,
  StreamNews,
} from "../protocol/control/calls.ts";
import type { HlsLeft } from "../protocol/control/hls.ts";
import { endSessionRow } from "../protocol/control/session-row.ts";
import { Doorbell } from "../protocol/ring/doorbell.ts";
import { runFault } from "./fault.ts";
import { PackagedStreams } from "./hls/packaged-streams.ts";
import { monotonicMs } from "./io/clock.ts";
import { JobPool } from "./jobs/job-pool.ts";
import { openPrimaryLink } from "./primary-link.ts";
import type { RecordingCount } from "./record/recorder.ts";
import { type KnownStream, KnownStreams } from "./stream/known-streams.ts";
import { ThreadLoop } from "./thread-loop.ts";

/** What is written at the end has this long. */
const CLOSE_TIMEOUT_MS = 1500;

const RECORDING_COUNTERS: Readonly<Record<RecordingCount, number>> = {
  open: Counter.Recordings,
  bytes: Counter.RecordedBytes,
  errors: Counter.RecordingErrors,
  drops: Counter.RecordingDrops,
};

/** News of streams. */
export type PackagerNews = StreamNews | RingNews | SettingsNews | ForgetStream | HlsLeft;

/** One packager thread's state. */
export class PackagerRuntime {
  readonly #post: (message: FromShard) => void;
  readonly #board: Board;
  readonly #jobs = new JobPool();
  /** Of its own: recordings may be on a disk that hangs while the segments' does not. */
  readonly #recordingJobs = new JobPool();
  readonly #outputs: PackagedStreams;
  readonly #streams: KnownStreams<KnownStream>;
  readonly #loop: ThreadLoop;

  constructor(start: ShardStart, calls: MessagePort, post: (message: FromShard) => void) {
    this.#post = post;
    this.#board = new Board(start.board);
    // A thread that died here before had some open.
    this.#board.counters[Counter.Recordings] = 0;
    openPrimaryLink(calls, {
      // A session's row: the primary holds what there is to end.
      kick: (row, inode, reason) =>
        endSessionRow(this.#board, row, inode) && this.#endRow(row, reason),
      fault: (fault) => runFault(start.allowFaults, fault, () => this.#loop.beat()),
      unused: (lease) => this.#ringReleased(lease.ringId),
      unusedRow: () => undefined,
    });
    this.#outputs = new PackagedStreams({
      bytesMax: start.hlsBytesMax,
      thread: start.thread,
      now: monotonicMs,
      wallMs: Date.now,
      runFileSteps: (steps) => this.#jobs.runFileSteps(steps),
      readSmallText: (file) => this.#jobs.readSmallText(file),
      runRecordingStep: (step) => this.#recordingJobs.runRecordingStep(step),
      recording: (news) => post(news),
      count: (what, by) => this.#count(what, by),
      news: (news) => post(news),
      trouble: (trouble) => post(trouble),
      ringReleased: (ringId) => this.#ringReleased(ringId),
    });
    this.#streams = new KnownStreams({
      open: ({ streamId, key, settings }) => this.#outputs.know(streamId, key, settings),
      ringReleased: (ringId) => this.#ringReleased(ringId),
    });
    this.#loop = new ThreadLoop({
      start,
      board: this.#board,
      bell: new Doorbell(start.doorbells),
      streams: this.#streams,
      post,
      work: {
        // Rings hold more than a GOP: the longer tick will do, and LL-HLS has the bell.
        isServing: () => false,
        poll: () => undefined,
        judge: () => undefined,
        tickTenth: () => undefined,
        tickSlow: () => this.#outputs.tickSlow(),
        change: ({ streamId, settings }) => this.#outputs.change(streamId, settings),
      },
    });
  }

  /** Starts ticking and listening to the doorbell. */
  run(): void {
    this.#loop.run();
  }

  /** Takes news of the primary. */
  take(news: PackagerNews): void {
    this.#loop.turns.begin();
    if (news.kind === "settings") {
      this.#loop.take(news);
    } else if (news.kind === "hls-left") {
      this.#outputs.inherit(news);
    } else {
      this.#streams.take(news);
    }
  }

  /** Ends every output; resolves when what they hold is on disk, or has had its time. */
  async stop(): Promise<void> {
    this.#loop.stop();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
    });
    await Promise.race([this.#outputs.close(), late]);
    clearTimeout(timer);
    await Promise.all([this.#jobs.close(), this.#recordingJobs.close()]);
  }

  #count(what: RecordingCount, by: number): void {
    const { counters } = this.#board;
    const at = RECORDING_COUNTERS[what];
    counters[at] = (counters[at] ?? 0) + by;
  }

  #ringReleased(ringId: number): void {
    this.#post({ kind: "ring-released", ringId });
  }

  #endRow(row: number, reason: EndReason): boolean {
    const bytesOut = this.#board.bytesOut[row] ?? 0;
    this.#post({ kind: "gone", row, reason, detail: "", bytesIn: 0, bytesOut });
    return true;
  }
}
