/**
 * Callbacks by HTTP (SRS: http_hooks): asks before a client connects, publishes or plays, and tells when it stops. By
 * the configuration in force at each of these moments. The primary does it, so media never waits for it.
 */
import type { Config } from "../../protocol/conf/config.ts";
import type { HooksConfig } from "../../protocol/conf/hooks.ts";
import type { HlsSegmentNews } from "../../protocol/control/hls.ts";
import type { RejectedError } from "../../protocol/errors.ts";
import { HOOK_TIMEOUT_MS_MAX } from "../../protocol/limits.ts";
import type { Logger } from "../log/logger.ts";
import { Backlog } from "./chain.ts";
import { ForwardBackend } from "./forward-backend.ts";
import { type HookCall, HookCaller } from "./hook-caller.ts";
import { type HookEvent, HookSession, type HookSessionHost } from "./hook-session.ts";
import { actionFields, commonFields, type HookSubject, type ServerIds } from "./payload.ts";
import { overrun, refusedBy, unanswered } from "./refusals.ts";
import { failed, type Reply } from "./reply.ts";
import { type FinishedRecording, SegmentNews } from "./segment-news.ts";
import { Teller } from "./teller.ts";
import { VerdictCache } from "./verdict-cache.ts";

/** What callbacks are made with. */
export interface HooksHost {
  config(): Config;
  readonly log: Logger;
  readonly version: string;
  readonly ids: ServerIds;
  /** The API's id of a stream. @param key `vhost/app/stream` */
  readonly streamId: (key: string) => string;
}

/** All callbacks of the server. */
export class Hooks implements HookSessionHost {
  readonly backlog: Backlog = new Backlog();
  readonly caller: HookCaller;
  /** Asks where streams are sent on to. */
  readonly forward: ForwardBackend;
  readonly #host: HooksHost;
  readonly #verdicts = new VerdictCache();
  readonly #segments: SegmentNews;
  /** The configuration that verdicts were made under. */
  #verdictsOf: Config | undefined;
  #serial = 0;
  #sequence = 0;
  readonly #teller: Teller;

  constructor(host: HooksHost) {
    this.#host = host;
    this.caller = new HookCaller(host.log, host.version);
    const { ids, log } = host;
    const streamId = (key: string): string => host.streamId(key);
    this.forward = new ForwardBackend({
      caller: this.caller,
      ids,
      newKey: () => this.#newKey(),
      nextSequence: () => this.nextSequence(),
    });
    this.#teller = new Teller({
      caller: this.caller,
      counts: this.caller.counts,
      log,
      configOf: (vhost) => this.configOf(vhost),
      newKey: () => this.#newKey(),
    });
    // Once: it is not to be had any more when somebody removes it.
    const directory = process.cwd();
    const { backlog } = this;
    this.#segments = new SegmentNews({ backlog, teller: this.#teller, ids, directory, streamId });
  }

  /** Callbacks of a new client; undefined where no vhost has any. */
  open(): HookSession | undefined {
    for (const { hooks, forward } of this.#host.config().vhosts.values()) {
      if (hooks.enabled || (forward.enabled && forward.backend !== "")) {
        return new HookSession(this);
      }
    }
    return undefined;
  }

  /** A segment of HLS is finished. */
  segment(subject: HookSubject, segment: HlsSegmentNews): void {
    const config = this.configOf(subject.vhost);
    if (config !== undefined) {
      this.#segments.add(subject, segment, config);
    }
  }

  /** A recording has its name. */
  recording(subject: HookSubject, recording: FinishedRecording): void {
    const config = this.configOf(subject.vhost);
    if (config !== undefined) {
      this.#segments.addRecording(subject, recording, config);
    }
  }

  /** Gives what is not told yet so long, and ends the rest. */
  async close(timeoutMs: number): Promise<void> {
    this.#teller.close();
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

  nextSequence(): number {
    this.#sequence += 1;
    return this.#sequence;
  }

  deadline(): number {
    return performance.now() + HOOK_TIMEOUT_MS_MAX;
  }

  late({ action, config }: HookEvent): RejectedError | undefined {
    this.caller.counts.replied(action, failed("ERR_HOOK_TIMEOUT", ""));
    return config.failOpen.includes(action) ? undefined : unanswered(action);
  }

  busy({ action }: HookEvent): RejectedError {
    this.caller.counts.replied(action, failed("ERR_HOOK_BUSY", ""));
    return overrun(action);
  }

  isKnown(event: HookEvent): boolean {
    const isKnown =
      event.action === "on_play" &&
      event.config.playCacheMs > 0 &&
      this.#currentVerdicts().has(questionOf(event.subject), performance.now());
    this.caller.counts.known += isKnown ? 1 : 0;
    return isKnown;
  }

  async ask(event: HookEvent, untilMs: number, signal: AbortSignal): Promise<void> {
    const { action, config, subject } = event;
    const body = this.#bodyOf(event);
    let isAnswered = true;
    for (const [index, url] of config.urls[action].entries()) {
      const timeoutMs = Math.min(config.timeoutMs, untilMs - performance.now());
      const call = { ...this.#callOf(event, url, body), timeoutMs };
      // Once the first has been asked the others are, whoever waits for it.
      const reply = await this.#askOne(index === 0 ? { ...call, signal } : call);
      if (reply.kind === "refused") {
        throw refusedBy(action);
      }
      const isNeeded = index > 0 || !signal.aborted;
      const mayFail = isNeeded && config.failOpen.includes(action);
      if (reply.kind === "failed" && !mayFail) {
        throw unanswered(action);
      }
      isAnswered &&= reply.kind === "allowed";
    }
    // After a reload others may have to be asked.
    const isCurrent = this.configOf(subject.vhost) === config;
    if (action === "on_play" && config.playCacheMs > 0 && isAnswered && isCurrent) {
      const until = performance.now() + config.playCacheMs;
      this.#currentVerdicts().keep(questionOf(subject), until);
    }
  }

  /** One URL after the other; each is told whatever the others answer. */
  async tell(event: HookEvent): Promise<void> {
    const body = this.#bodyOf(event);
    for (const url of event.config.urls[event.action]) {
      if (this.#teller.enter(event, url)) {
        await this.#teller.tell({ event, configured: url, url, body });
      }
    }
  }

  // --- inside ---

  #callOf(event: HookEvent, url: string, body: string): Omit<HookCall, "timeoutMs"> {
    const { action, config, subject, sequence } = event;
    const { clientId } = subject;
    return { action, clientId, url, body, config, isVerdict: true, key: this.#newKey(), sequence };
  }

  #askOne(call: HookCall): Promise<Reply> {
    return call.timeoutMs > 0
      ? this.caller.call(call)
      : Promise.resolve(failed("ERR_HOOK_TIMEOUT", "no time is left for it"));
  }

  #newKey(): string {
    this.#serial += 1;
    return `${this.#host.ids.serviceId}-${this.#serial}`;
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
}

/** All that an on_play may be decided by. */
function questionOf({ vhost, app, stream, param, ip, tcUrl, pageUrl }: HookSubject): string {
  return JSON.stringify([vhost, app, stream, param, ip, tcUrl, pageUrl]);
}
