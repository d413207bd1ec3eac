/**
 * The program clock of a transport stream: whether its references come often enough, and what they say.
 *
 * Spec: ISO/IEC 13818-1 §2.7.2 (100 ms at most).
 */
import { timeDistance } from "./ts-bytes.ts";

const TICKS_PER_MS = 90;

export interface PcrCheckOptions {
  /** PCR at least this often, by its own values. Milliseconds, 100. */
  readonly pcrMsMax?: number;
  /** PCR at least this often, by the time of PES packets on one PID that are after it. Milliseconds, as `pcrMsMax`. */
  readonly silenceMsMax?: number;
  /** No PES packet is decoded longer than this before the PCR that it follows. Milliseconds; any. */
  readonly pcrLeadMsMax?: number;
}

/** **Units**: 90 kHz, 33 bits. */
export class PcrCheck {
  /** Every PCR, in the order of the packets. */
  readonly all: number[] = [];
  readonly #msMax: number;
  readonly #silenceMsMax: number;
  readonly #leadMsMax: number;
  #last = Number.NaN;
  /** By PID: dts of its first PES packet since the last PCR. */
  readonly #since = new Map<number, number>();

  constructor(options: PcrCheckOptions = {}) {
    this.#msMax = options.pcrMsMax ?? 100;
    this.#silenceMsMax = options.silenceMsMax ?? this.#msMax;
    this.#leadMsMax = options.pcrLeadMsMax ?? Number.POSITIVE_INFINITY;
  }

  /** @returns what is wrong with it, or null. */
  push(pcr: number, isStep: boolean): string | null {
    const sinceMs = isStep ? Number.NaN : timeDistance(this.#last, pcr) / TICKS_PER_MS;
    this.all.push(pcr);
    this.#last = pcr;
    this.#since.clear();
    return sinceMs < 0 || sinceMs > this.#msMax ? `${sinceMs} ms from PCR to PCR` : null;
  }

  /** A PES packet begins. @returns what is wrong with it, or null. */
  judge(pid: number, dts: number): string | null {
    const leadMs = timeDistance(dts, this.#last) / TICKS_PER_MS;
    if (leadMs > this.#leadMsMax) {
      return `dts of pid ${pid} is ${leadMs} ms before the PCR`;
    }
    const first = this.#since.get(pid) ?? dts;
    this.#since.set(pid, first);
    // Sound that lags behind the pictures has the clock of its time long since.
    const silenceMs = Math.min(timeDistance(first, dts) / TICKS_PER_MS, -leadMs);
    return silenceMs > this.#silenceMsMax ? `no PCR for ${silenceMs} ms of pid ${pid}` : null;
  }

  /** The tracks' times make a step. */
  forgetTracks(): void {
    this.#since.clear();
  }

  /** What follows need not continue. */
  forget(): void {
    this.#last = Number.NaN;
    this.#since.clear();
  }
}
