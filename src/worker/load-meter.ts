/** How busy a shard's thread is, and how far its streams' merging stretches because of it. */
import { threadCpuMs } from "./io/native.ts";
import { MergeStretch } from "./stream/merge-policy.ts";

const PERIOD_MS = 500;

/** Measures one thread. */
export class LoadMeter {
  readonly #merge = new MergeStretch();
  #since = 0;
  #cpuMs = 0;
  #sendingMs = 0;
  /** Share of a core used in the last period, 0–1. */
  utilisation = 0;

  /** Frames per send that the load asks for. */
  get stretch(): number {
    return this.#merge.value;
  }

  /** Time spent in fan-out, in milliseconds. */
  addSending(ms: number): void {
    this.#sendingMs += ms;
  }

  /** Takes a measure when a period is over. `now` in monotonic milliseconds. */
  update(now: number): void {
    const elapsed = now - this.#since;
    if (elapsed < PERIOD_MS) {
      return;
    }
    const cpuMs = threadCpuMs();
    if (this.#since > 0) {
      this.utilisation = Math.min(1, (cpuMs - this.#cpuMs) / elapsed);
      const sending = Math.min(this.utilisation, this.#sendingMs / elapsed);
      this.#merge.update(this.utilisation, sending);
    }
    this.#since = now;
    this.#cpuMs = cpuMs;
    this.#sendingMs = 0;
  }
}
