/**
 * When a thread that reads rings works: at once when one of them has moved, and at ticks for what has no event. It
 * measures its load, keeps the heartbeat, and goes over to reloaded settings between two turns of sending.
 */
import { type Board, Counter } from "../protocol/control/board.ts";
import type {
  FromShard,
  SettingsChange,
  SettingsNews,
  ShardStart,
} from "../protocol/control/calls.ts";
import { VersionWord } from "../protocol/control/version-word.ts";
import type { Doorbell } from "../protocol/ring/doorbell.ts";
import { monotonicMs } from "./io/clock.ts";
import { LoadMeter } from "./load-meter.ts";
import { LoopDelay } from "./loop-delay.ts";
import { SendTurns } from "./send-turns.ts";
import { SettingsChanges } from "./settings-changes.ts";
import { StallGrace } from "./stall-grace.ts";

/** The tick while somebody is served, while nobody of these waits for single frames, and while nobody is served. */
const TICK_MS = 10;
const TICK_DOZING_MS = 20;
const TICK_IDLE_MS = 50;
const TENTH_MS = 100;
const SECOND_MS = 1000;
/** The doorbell is looked at again at least this often. */
const BELL_TIMEOUT_MS = 1000;

/** The streams whose rings are read. */
export interface LoopStreams {
  /** Somebody is to have frames at once: the bell must wake. */
  readonly isHurried: boolean;
  /** Rings may have moved. */
  advance(): void;
  /** At each tick. */
  tick(): void;
  /** Every second. @returns times that slow players were moved to a keyframe. */
  tickSlow(): number;
}

/** What one thread does beside its streams. `now` in milliseconds, monotonic. */
export interface ThreadWork {
  /** Somebody is served: ticks are short. */
  isServing(): boolean;
  /** At each tick, before anything is sent: what came in. */
  poll(now: number): void;
  /** Every 100 ms, but not right after a standstill of the thread: who is slow or silent. */
  judge(now: number): void;
  /** Every 100 ms: what has its time, and what the board tells of this thread. */
  tickTenth(now: number): void;
  /** Every second. */
  tickSlow(): void;
  /** A reload changes a stream, from this turn on. */
  change(change: SettingsChange): void;
}

/** What a loop runs with. */
export interface ThreadLoopOptions {
  readonly start: Pick<ShardStart, "thread" | "version">;
  readonly board: Board;
  readonly bell: Doorbell;
  readonly streams: LoopStreams;
  readonly work: ThreadWork;
  readonly post: (message: FromShard) => void;
}

/** The schedule of one thread. */
export class ThreadLoop {
  readonly turns: SendTurns;
  readonly #thread: number;
  readonly #board: Board;
  readonly #bell: Doorbell;
  readonly #streams: LoopStreams;
  readonly #work: ThreadWork;
  readonly #post: (message: FromShard) => void;
  readonly #meter = new LoadMeter();
  readonly #delay = new LoopDelay();
  readonly #grace = new StallGrace(monotonicMs());
  readonly #changes: SettingsChanges;
  /** Made once, so that a tick makes no closure. */
  readonly #ticking = (): void => this.#tick();
  #isStopped = false;
  /** Nobody waits for single frames: the ticks look at the rings, and the bell wakes nobody. */
  #isDozing = false;
  /** Of the bell, at the last look of a dozing thread's tick. */
  #seen = 0;
  #nextTenth = 0;
  #nextSecond = 0;

  constructor({ start, board, bell, streams, work, post }: ThreadLoopOptions) {
    this.#thread = start.thread;
    this.#board = board;
    this.#bell = bell;
    this.#streams = streams;
    this.#work = work;
    this.#post = post;
    const changes = new SettingsChanges(new VersionWord(start.version), (change) =>
      work.change(change),
    );
    this.#changes = changes;
    this.turns = new SendTurns(this.#meter, () => changes.follow());
  }

  /** Frames per send that the load asks for. */
  get stretch(): number {
    return this.#meter.stretch;
  }

  /** Starts ticking and listening to the doorbell. */
  run(): void {
    this.beat();
    // The thread that had this bell before may have died dozing.
    this.#doze(false);
    this.#tick();
    void this.#listen();
  }

  /** Says that the thread lives. */
  beat(): void {
    this.#board.counters[Counter.Heartbeat] = monotonicMs();
  }

  /** Nothing of it runs after. */
  stop(): void {
    this.#isStopped = true;
    this.#doze(false);
    this.#bell.ring(this.#thread);
  }

  /** Takes what a reload changes, and says so. */
  take(news: SettingsNews): void {
    this.#changes.take(news);
    this.#post({ kind: "settings-accepted", version: news.version });
  }

  async #listen(): Promise<void> {
    while (!this.#isStopped) {
      const seen = this.#bell.value(this.#thread);
      const began = this.turns.begin();
      this.#streams.advance();
      this.turns.finish(began);
      const rung = this.#bell.wait(this.#thread, seen, BELL_TIMEOUT_MS);
      if (rung !== null) {
        await rung;
      } else {
        // Rung meanwhile: other work gets its turn before the next look.
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    }
  }

  #tick(): void {
    if (this.#isStopped) {
      return;
    }
    const now = monotonicMs();
    this.#grace.tick(now, TICK_IDLE_MS);
    this.#delay.tick(now);
    this.turns.begin();
    this.#work.poll(now);
    // What came in is not sending.
    const began = performance.now();
    this.#lookWhileDozing();
    this.#streams.tick();
    this.turns.finish(began);
    if (now >= this.#nextTenth) {
      this.#nextTenth = now + TENTH_MS;
      this.#tickTenth(now);
    }
    if (now >= this.#nextSecond) {
      this.#nextSecond = now + SECOND_MS;
      this.#work.tickSlow();
      this.#board.counters[Counter.Skips] = this.#streams.tickSlow();
      this.#board.counters[Counter.LoopDelay] = this.#delay.take();
    }
    const tickMs = this.#tickMs;
    this.#delay.expect(monotonicMs() + tickMs);
    setTimeout(this.#ticking, tickMs);
  }

  get #tickMs(): number {
    if (!this.#work.isServing()) {
      return TICK_IDLE_MS;
    }
    return this.#isDozing ? TICK_DOZING_MS : TICK_MS;
  }

  #lookWhileDozing(): void {
    const rung = this.#bell.value(this.#thread);
    if (this.#isDozing && rung !== this.#seen) {
      this.#seen = rung;
      this.#streams.advance();
    }
  }

  #doze(dozes: boolean): void {
    this.#isDozing = dozes;
    this.#bell.doze(this.#thread, dozes);
  }

  #tickTenth(now: number): void {
    const mayDoze = this.#work.isServing() && !this.#streams.isHurried;
    if (mayDoze !== this.#isDozing) {
      this.#doze(mayDoze);
      this.#streams.advance();
    }
    if (this.#grace.mayJudge(now)) {
      this.#work.judge(now);
    }
    this.#meter.update(now);
    const { counters } = this.#board;
    counters[Counter.Heartbeat] = now;
    counters[Counter.Utilisation] = this.#meter.utilisation;
    counters[Counter.MergeStretch] = this.#meter.stretch;
    this.#work.tickTenth(now);
  }
}
