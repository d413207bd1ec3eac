/** An encoder that comes back whatever happens to it, and writes down what it sends. */
import { type Ledger, stampFrame } from "./chaos-ledger.ts";
import type { Frame } from "./flv-file.ts";
import { isMedia, RtmpPeer, roundMsOf } from "./rtmp-peer.ts";

const TICK_MS = 10;
const AGAIN_MS = 250;
const ACCEPT_MS = 20_000;

export interface EncoderPlan {
  readonly name: string;
  readonly url: string;
  readonly clip: readonly Frame[];
  readonly ledger: Ledger;
  /** 1 is real time. */
  readonly speed: number;
}

/** One encoder. */
export class Encoder {
  /** Connections that the server ended. */
  cuts = 0;
  readonly #plan: EncoderPlan;
  readonly #frames: readonly Frame[];
  readonly #roundMs: number;
  readonly #timer: NodeJS.Timeout;
  #peer: RtmpPeer | undefined;
  #startedAt = 0;
  #next = 0;
  #isOpening = false;
  #isClosed = false;
  #isSilent = false;

  constructor(plan: EncoderPlan) {
    this.#plan = plan;
    this.#frames = plan.clip.filter(isMedia);
    this.#roundMs = roundMsOf(plan.clip);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  get name(): string {
    return this.#plan.name;
  }

  get isPublishing(): boolean {
    return this.#peer?.end === "open" && !this.#isSilent;
  }

  /** Ends its publish in order and comes back. */
  async republish(): Promise<void> {
    const peer = this.#peer;
    if (peer !== undefined && peer.end === "open") {
      this.#peer = undefined;
      this.#plan.ledger.ended();
      peer.close();
      await peer.waitEnd(ACCEPT_MS).catch(() => undefined);
    }
  }

  /** Cuts its connection and comes back. */
  cut(): void {
    const peer = this.#peer;
    this.#peer = undefined;
    peer?.reset();
  }

  /** Falls silent on an open connection; another connection takes the name over. */
  async beTakenOver(): Promise<void> {
    const silent = this.#peer;
    this.#isSilent = true;
    this.#peer = undefined;
    await this.#open();
    this.#isSilent = false;
    await silent?.waitEnd(ACCEPT_MS).catch(() => undefined);
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#peer?.close();
  }

  #tick(): void {
    const peer = this.#peer;
    if (peer !== undefined && peer.end !== "open") {
      this.cuts += 1;
      this.#peer = undefined;
    }
    if (this.#peer === undefined) {
      if (!(this.#isOpening || this.#isSilent)) {
        void this.#open();
      }
      return;
    }
    this.#sendDue(this.#peer);
  }

  /** Tries until it is let in. */
  async #open(): Promise<void> {
    this.#isOpening = true;
    const until = performance.now() + ACCEPT_MS;
    while (!this.#isClosed && this.#peer === undefined && performance.now() < until) {
      const peer = new RtmpPeer(this.#plan.url, "publish");
      try {
        this.#begin(await peer.waitReady(ACCEPT_MS));
      } catch {
        peer.reset();
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
    this.#isOpening = false;
  }

  #begin(peer: RtmpPeer): void {
    this.#plan.ledger.begin();
    for (const header of this.#plan.clip.filter((frame) => !isMedia(frame))) {
      peer.send(header, 0);
    }
    this.#peer = peer;
    this.#startedAt = performance.now();
    this.#next = 0;
  }

  #sendDue(peer: RtmpPeer): void {
    const { ledger, speed } = this.#plan;
    const elapsed = (performance.now() - this.#startedAt) * speed;
    for (;;) {
      const frame = this.#frames[this.#next % this.#frames.length];
      const round = Math.floor(this.#next / this.#frames.length);
      const due = (frame?.timestamp ?? 0) + round * this.#roundMs;
      if (frame === undefined || due > elapsed || peer.end !== "open") {
        return;
      }
      // The session's number is in the stamp too: no two frames of a run are alike.
      const stamped = stampFrame(frame, (ledger.session << 20) | this.#next);
      ledger.note(stamped);
      peer.send(stamped, due);
      this.#next += 1;
    }
  }
}
