/** Tells servers of callbacks what happened: with repetitions where it got no answer, so much at a time and no more. */
import type { HooksConfig } from "../../protocol/conf/hooks.ts";
import type { Logger } from "../log/logger.ts";
import { type HookCall, type HookCaller, originOf } from "./hook-caller.ts";
import type { HookCounts } from "./hook-counts.ts";
import type { HookEvent } from "./hook-session.ts";
import { NewsCount } from "./news-count.ts";

/** SRS: `on_hls_notify` has so long. */
const NOTIFY_TIMEOUT_MS = 10_000;
/** A delay before a repetition differs by up to this share, so that many do not come at once. */
const JITTER = 0.3;
const TELL_MS = 1000;

/** One piece of news for one server. */
export interface News {
  readonly event: HookEvent;
  /** As it is configured. */
  readonly configured: string;
  /** With its variables filled in. */
  readonly url: string;
  /** null: a GET. */
  readonly body: string | null;
  /** Bytes of the answer that are read; absent where the answer is judged. */
  readonly replyBytes?: number;
}

/** What it works with. */
export interface TellerHost {
  readonly caller: HookCaller;
  readonly counts: HookCounts;
  readonly log: Logger;
  /** Callbacks of a vhost by now; undefined where there are none. */
  configOf(vhost: string): HooksConfig | undefined;
  /** A key for one callback to one URL and its repetitions. */
  newKey(): string;
}

/** Tells. */
export class Teller {
  readonly #host: TellerHost;
  readonly #underWay = new NewsCount();
  #isClosing = false;
  #hurry: () => void = () => undefined;
  readonly #hurried: Promise<void>;
  #toldDropped = 0;
  #toldAt: number = Number.NEGATIVE_INFINITY;

  constructor(host: TellerHost) {
    this.#host = host;
    this.#hurried = new Promise<void>((resolve) => {
      this.#hurry = resolve;
    });
  }

  /** From now on each piece of news is told once, and nothing is waited for. */
  close(): void {
    this.#isClosing = true;
    this.#hurry();
  }

  /** Keeps a place for a piece of news. @returns false when it is left out; else {@link tell} is to be called. */
  enter(event: HookEvent, configured: string): boolean {
    const { queueMax, concurrency } = event.config;
    const hasRoom = this.#underWay.enter(originOf(configured), queueMax + concurrency);
    if (!hasRoom) {
      this.#drop(event);
    }
    return hasRoom;
  }

  /** Resolves when it is told, or nobody will hear it. Never rejects. */
  async tell(news: News): Promise<void> {
    try {
      await this.#tell(news);
    } finally {
      this.#underWay.leave(originOf(news.configured));
    }
  }

  async #tell(news: News): Promise<void> {
    const { config, action } = news.event;
    const call = this.#callOf(news);
    for (let attempt = 0; attempt <= config.retries; attempt += 1) {
      if (attempt > 0) {
        const delayMs = config.retryDelayMs * 2 ** (attempt - 1);
        await this.#pause(delayMs * (1 + JITTER * Math.random()));
      }
      if (!this.#isWanted(news)) {
        return;
      }
      this.#host.counts.of(action).retried += attempt > 0 ? 1 : 0;
      const isLast = this.#isClosing;
      const reply = await this.#host.caller.call(call);
      if (reply.kind !== "failed" || !reply.isTransient || isLast) {
        return;
      }
    }
  }

  #callOf({ event, url, body, replyBytes }: News): HookCall {
    const { action, subject, config, sequence } = event;
    const { timeoutMs } = config;
    return {
      action,
      clientId: subject.clientId,
      url,
      body,
      config,
      key: this.#host.newKey(),
      sequence,
      isVerdict: false,
      timeoutMs: body === null ? Math.min(NOTIFY_TIMEOUT_MS, timeoutMs) : timeoutMs,
      ...(replyBytes === undefined ? {} : { replyBytes }),
    };
  }

  /** A reload may have taken the URL away, perhaps because it hangs. */
  #isWanted({ event, configured }: News): boolean {
    const { action, subject } = event;
    return this.#host.configOf(subject.vhost)?.urls[action].includes(configured) === true;
  }

  /** A server that stops waits for nothing. */
  async #pause(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const time = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([time, this.#hurried]);
    clearTimeout(timer);
  }

  #drop({ action, subject }: HookEvent): void {
    const { counts, log } = this.#host;
    counts.of(action).dropped += 1;
    const now = performance.now();
    if (now - this.#toldAt >= TELL_MS) {
      const { dropped } = counts;
      const text = `${dropped - this.#toldDropped} callbacks left out, ${action} the last: too many wait`;
      log.warn(subject.clientId, text, "ERR_HOOK_QUEUE");
      this.#toldDropped = dropped;
      this.#toldAt = now;
    }
  }
}
