/**
 * Callbacks by HTTP (SRS: http_hooks): asks before a client connects, publishes or plays, and tells when it stops. By
 * the configuration in force at each of these moments. The primary does it, so media never waits for it.
 */
import type { Config } from "../../protocol/conf/config.ts";
import type { HooksConfig } from "../../protocol/conf/hooks.ts";
import type { HlsSegmentNews } from "../../protocol/control/hls.ts";
import { RejectedError } from "../../protocol/errors.ts";
import { HOOK_TIMEOUT_MS_MAX } from "../../protocol/limits.ts";
import type { Logger } from "../log/logger.ts";
import { Backlog, Chain } from "./chain.ts";
import { HookCaller } from "./hook-caller.ts";
import { type HookEvent, HookSession, type HookSessionHost } from "./hook-session.ts";
import { actionFields, commonFields, type HookSubject, type ServerIds } from "./payload.ts";
import { failed, type Reply } from "./reply.ts";
import { notifyUrl, segmentFields } from "./segments.ts";
import { VerdictCache } from "./verdict-cache.ts";

/** What callbacks are made with. */
export interface HooksHost {
  config(): Config;
  readonly log: Logger;
  readonly version: string;
  readonly ids: ServerIds;
  /** The API's id of a stream. @param key `vhost/app/stream` */
  streamId(key: string): string;
}

/** Statuses of a client that is refused. */
const STATUSES: Readonly<Record<string, string>> = {
  on_connect: "NetConnection.Connect.Rejected",
  on_publish: "NetStream.Publish.Denied",
  on_play: "NetStream.Play.Failed",
};
/** SRS: `on_hls_notify` has so long. */
const NOTIFY_TIMEOUT_MS = 10_000;
/** A delay before a repetition differs by up to this share, so that many do not come at once. */
const JITTER = 0.3;
const TELL_MS = 1000;

/** All callbacks of the server. */
export class Hooks implements HookSessionHost {
  readonly backlog: Backlog = new Backlog();
  readonly caller: HookCaller;
  readonly #host: HooksHost;
  readonly #verdicts = new VerdictCache();
  /** Of streams with news of segments. */
  readonly #segments = new Map<string, Chain>();
  /** The configuration that verdicts were made under. */
  #verdictsOf: Config | undefined;
  #serial = 0;
  /** Pieces of news that wait or are told. */
  #news = 0;
  #isClosing = false;
  #hurry: () => void = () => undefined;
  readonly #hurried: Promise<void>;
  /** News that was left out because too much of it waited, for metrics. */
  dropped = 0;
  #toldDropped = 0;
  #toldAt: number = Number.NEGATIVE_INFINITY;

  constructor(host: HooksHost) {
    this.#host = host;
    this.caller = new HookCaller(host.log, host.version);
    this.#hurried = new Promise<void>((resolve) => {
      this.#hurry = resolve;
    });
  }

  /** Callbacks of a new client; undefined where no vhost has any. */
  open(): HookSession | undefined {
    for (const { hooks } of this.#host.config().vhosts.values()) {
      if (hooks.enabled) {
        return new HookSession(this);
      }
    }
    return undefined;
  }

  /** A segment of HLS is finished. */
  segment(subject: HookSubject, segment: HlsSegmentNews): void {
    const config = this.configOf(subject.vhost);
    if (config === undefined) {
      return;
    }
    const { on_hls: posted, on_hls_notify: notified } = config.urls;
    if (posted.length + notified.length === 0) {
      return;
    }
    const { vhost, app, stream } = subject;
    const key = `${vhost}/${app}/${stream}`;
    const chain = this.#segments.get(key) ?? new Chain(this.backlog);
    this.#segments.set(key, chain);
    const event = { subject, config, sequence: segment.sequence, bytes: { sent: 0, received: 0 } };
    chain.add(async () => {
      const { ids } = this.#host;
      const body = JSON.stringify({
        ...commonFields(ids, "on_hls", subject),
        ...segmentFields(subject, segment, this.#host.streamId(key)),
      });
      await this.#tellAll({ ...event, action: "on_hls" }, posted, body);
      const urls = notified.map((url) => notifyUrl(url, ids, subject, segment));
      await this.#tellAll({ ...event, action: "on_hls_notify" }, urls, null, config.notifyBytes);
    });
    chain.add(() => {
      // The last piece of work: another segment has added its own behind it, or nothing is left.
      queueMicrotask(() => {
        if (chain.isIdle && this.#segments.get(key) === chain) {
          this.#segments.delete(key);
        }
      });
    });
  }

  /** Gives what is not told yet so long, and ends the rest. */
  async close(timeoutMs: number): Promise<void> {
    this.#isClosing = true;
    this.#hurry();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([this.backlog.empty(), late]);
    clearTimeout(timer);
    const { count } = this.backlog;
    if (count > 0) {
      this.#host.log.warn("hooks", `${count} callbacks were not made: the server stops`);
    }
    this.caller.close();
  }

  // --- HookSessionHost ---

  configOf(vhost: string): HooksConfig | undefined {
    const hooks = this.#host.config().vhosts.get(vhost)?.hooks;
    return hooks?.enabled === true ? hooks : undefined;
  }

  deadline(): number {
    return performance.now() + HOOK_TIMEOUT_MS_MAX;
  }

  isKnown(event: HookEvent): boolean {
    return (
      event.action === "on_play" &&
      event.config.playCacheMs > 0 &&
      this.#currentVerdicts().has(questionOf(event.subject), performance.now())
    );
  }

  async ask(event: HookEvent, untilMs: number): Promise<void> {
    const { action, config, subject } = event;
    const body = this.#bodyOf(event);
    for (const url of config.urls[action]) {
      const timeoutMs = Math.min(config.timeoutMs, untilMs - performance.now());
      const reply: Reply =
        timeoutMs <= 0
          ? failed("ERR_HOOK_TIMEOUT", "no time is left for it")
          : await this.caller.call({
              ...this.#callOf(event, url, body),
              isVerdict: true,
              timeoutMs,
            });
      if (reply.kind === "refused") {
        throw rejection("ERR_HOOK_REFUSED", action, `The callback ${action} refuses.`);
      }
      if (reply.kind === "failed" && !config.failOpen.includes(action)) {
        throw rejection("ERR_HOOK_FAILED", action, `The callback ${action} gave no valid answer.`);
      }
    }
    if (action === "on_play" && config.playCacheMs > 0) {
      const until = performance.now() + config.playCacheMs;
      this.#currentVerdicts().keep(questionOf(subject), until);
    }
  }

  async tell(event: HookEvent): Promise<void> {
    await this.#tellAll(event, event.config.urls[event.action], this.#bodyOf(event));
  }

  // --- inside ---

  /** One URL after the other; each is told whatever the others answer. */
  async #tellAll(
    event: HookEvent,
    urls: readonly string[],
    body: string | null,
    replyBytes?: number,
  ): Promise<void> {
    if (this.#news >= event.config.queueMax) {
      this.#drop(event);
      return;
    }
    this.#news += 1;
    try {
      for (const url of urls) {
        await this.#tellOne(event, url, body, replyBytes);
      }
    } finally {
      this.#news -= 1;
    }
  }

  async #tellOne(
    event: HookEvent,
    url: string,
    body: string | null,
    replyBytes: number | undefined,
  ): Promise<void> {
    const { config } = event;
    const isNotify = body === null;
    const call = {
      ...this.#callOf(event, url, body),
      isVerdict: false,
      timeoutMs: isNotify ? Math.min(NOTIFY_TIMEOUT_MS, config.timeoutMs) : config.timeoutMs,
      ...(replyBytes === undefined ? {} : { replyBytes }),
    };
    for (let attempt = 0; attempt <= config.retries; attempt += 1) {
      if (attempt > 0) {
        const delayMs = config.retryDelayMs * 2 ** (attempt - 1);
        await this.#pause(delayMs * (1 + JITTER * Math.random()));
      }
      const isLast = this.#isClosing;
      const reply = await this.caller.call(call);
      if (reply.kind !== "failed" || !reply.isTransient || isLast) {
        return;
      }
    }
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

  #callOf(
    { action, subject, config, sequence }: HookEvent,
    url: string,
    body: string | null,
  ): Omit<Parameters<HookCaller["call"]>[0], "isVerdict" | "timeoutMs"> {
    this.#serial += 1;
    const key = `${this.#host.ids.serviceId}-${this.#serial}`;
    return { action, clientId: subject.clientId, url, body, config, key, sequence };
  }

  #bodyOf({ action, subject, bytes }: HookEvent): string {
    const { ids, streamId } = this.#host;
    const { vhost, app, stream } = subject;
    const hasStream = action !== "on_connect" && action !== "on_close";
    const id = hasStream ? streamId(`${vhost}/${app}/${stream}`) : "";
    return JSON.stringify({
      ...commonFields(ids, action, subject),
      ...actionFields(action, subject, { streamId: id, bytes }),
    });
  }

  #currentVerdicts(): VerdictCache {
    const config = this.#host.config();
    if (config !== this.#verdictsOf) {
      this.#verdicts.clear();
      this.#verdictsOf = config;
    }
    return this.#verdicts;
  }

  #drop({ action, subject }: HookEvent): void {
    this.dropped += 1;
    const now = performance.now();
    if (now - this.#toldAt >= TELL_MS) {
      const count = this.dropped - this.#toldDropped;
      const text = `${count} callbacks left out, ${action} the last: too many wait`;
      this.#host.log.warn(subject.clientId, text, "ERR_HOOK_QUEUE");
      this.#toldDropped = this.dropped;
      this.#toldAt = now;
    }
  }
}

function rejection(code: string, action: string, text: string): RejectedError {
  return new RejectedError(code, STATUSES[action] ?? "NetStream.Failed", text);
}

/** All that an on_play may be decided by. */
function questionOf({ vhost, app, stream, param, ip, pageUrl }: HookSubject): string {
  return JSON.stringify([vhost, app, stream, param, ip, pageUrl]);
}
