/** Makes callbacks: a bounded number at one time to each server, signed, judged. Never throws. */
import type { CalledAction, HooksConfig } from "../../protocol/conf/hooks.ts";
import { messageOf, TransportError } from "../../protocol/errors.ts";
import { HOOK_REPLY_BYTES_MAX } from "../../protocol/limits.ts";
import type { Logger } from "../log/logger.ts";
import { maskSecrets } from "../log/secrets.ts";
import { parseUrl } from "../parse-url.ts";
import { HookCounts } from "./hook-counts.ts";
import { type HttpAnswer, HttpCaller } from "./http-call.ts";
import { failed, judgeReply, type Reply } from "./reply.ts";
import { signatureHeaders } from "./signature.ts";
import { Turnstile } from "./turnstile.ts";

/** One callback to one URL. */
export interface HookCall {
  readonly action: CalledAction;
  readonly clientId: string;
  readonly url: string;
  /** null: a GET, whatever the answer says is right. */
  readonly body: string | null;
  readonly config: HooksConfig;
  /** Somebody waits for the answer. */
  readonly isVerdict: boolean;
  /** With the wait for its turn when it is a verdict, else without. */
  readonly timeoutMs: number;
  /** As in {@link signatureHeaders}. */
  readonly key: string;
  readonly sequence: number;
  /** Bytes of the answer that are read. */
  readonly replyBytes?: number;
  /** Nobody waits for it any more: it is not made unless it has begun. */
  readonly signal?: AbortSignal;
  /** What an answer says; {@link judgeReply} unless it is to say more. */
  readonly judge?: (answer: HttpAnswer) => Reply;
}

/** Failures of one URL are told once in this time; of a GET those of one server. */
const TELL_MS = 1000;
const URLS_TOLD_MAX = 1000;

interface Told {
  at: number;
  untold: number;
}

/** All callbacks of the host. */
export class HookCaller {
  readonly #http = new HttpCaller();
  readonly #turnstiles = new Map<string, Turnstile>();
  readonly #told = new Map<string, Told>();
  readonly #log: Logger;
  readonly #version: string;
  #isClosed = false;
  /** What came of calls, for metrics. */
  readonly counts: HookCounts = new HookCounts();

  constructor(log: Logger, version: string) {
    this.#log = log;
    this.#version = version;
  }

  /** Calls, once. */
  async call(call: HookCall): Promise<Reply> {
    const reply = await this.#inTurn(call);
    if (reply === undefined) {
      return failed("ERR_HOOK_CLOSED", "nobody waits for it");
    }
    this.counts.replied(call.action, reply);
    this.#tell(call, reply);
    return reply;
  }

  /** Calls by now: made, and waiting for their turn, to all servers. */
  get load(): { readonly running: number; readonly verdicts: number; readonly news: number } {
    const load = { running: 0, verdicts: 0, news: 0 };
    for (const { inside, waiting } of this.#turnstiles.values()) {
      load.running += inside;
      load.verdicts += waiting.verdicts;
      load.news += waiting.news;
    }
    return load;
  }

  /** Ends all calls: they have no answer. */
  close(): void {
    this.#isClosed = true;
    for (const turnstile of this.#turnstiles.values()) {
      turnstile.close();
    }
    this.#http.close();
  }

  /** undefined: it was not made, and nobody misses it. */
  async #inTurn(call: HookCall): Promise<Reply | undefined> {
    if (this.#isClosed) {
      return failed("ERR_HOOK_CLOSED", "the server stops");
    }
    const { config, isVerdict, timeoutMs, signal } = call;
    const name = originOf(call.url);
    let turnstile = this.#turnstiles.get(name);
    if (turnstile === undefined) {
      turnstile = new Turnstile();
      this.#turnstiles.set(name, turnstile);
    }
    const asked = performance.now();
    const isIn = await turnstile.enter({
      concurrency: config.concurrency,
      // News has a bound of its own.
      lineMax: isVerdict ? config.queueMax : config.queueMax + config.concurrency,
      waitMs: isVerdict ? timeoutMs : Number.POSITIVE_INFINITY,
      isVerdict,
      ...(signal === undefined ? {} : { signal }),
    });
    if (!isIn && signal?.aborted === true) {
      return undefined;
    }
    if (!isIn) {
      return failed("ERR_HOOK_BUSY", "too many callbacks wait for this server");
    }
    try {
      const leftMs = isVerdict ? timeoutMs - (performance.now() - asked) : timeoutMs;
      return await this.#timed(call, Math.max(1, leftMs));
    } finally {
      turnstile.leave();
      if (turnstile.isIdle) {
        this.#turnstiles.delete(name);
      }
    }
  }

  async #timed(call: HookCall, timeoutMs: number): Promise<Reply> {
    const began = performance.now();
    const reply = await this.#request(call, timeoutMs);
    this.counts.took(call.action, performance.now() - began);
    return reply;
  }

  async #request(call: HookCall, timeoutMs: number): Promise<Reply> {
    const { url, body, config, key, sequence, replyBytes } = call;
    const content = body ?? url;
    const { secret, tlsVerify } = config;
    const isPost = body !== null;
    let answer: HttpAnswer;
    try {
      answer = await this.#http.call({
        method: isPost ? "POST" : "GET",
        url,
        headers: {
          ...(isPost ? { "content-type": "application/json" } : {}),
          "user-agent": `weir/${this.#version}`,
          ...signatureHeaders({ key, sequence, content, secret, nowMs: Date.now() }),
        },
        body: body ?? "",
        timeoutMs,
        replyBytesMax: replyBytes ?? HOOK_REPLY_BYTES_MAX,
        isCut: replyBytes !== undefined,
        tlsVerify,
      });
    } catch (error) {
      if (error instanceof TransportError) {
        return failed(error.code, error.message, error.code !== "ERR_HOOK_REPLY");
      }
      // A URL that cannot be asked at all.
      return failed("ERR_HOOK_CONNECTION", messageOf(error));
    }
    const { judge = judgeReply } = call;
    return isPost ? judge(answer) : { kind: "allowed" };
  }

  #tell({ action, clientId, url, body }: HookCall, reply: Reply): void {
    if (reply.kind === "allowed") {
      if (this.#log.isEnabled("debug")) {
        this.#log.debug(clientId, `${action}: ${shown(url)}: ok`);
      }
      return;
    }
    const text = `${action}: ${shown(url)}: ${reply.text}`;
    if (reply.kind === "refused") {
      this.#log.info(clientId, `${text} (${reply.code})`);
      return;
    }
    const now = performance.now();
    // Each on_hls_notify has another URL.
    const where = body === null ? originOf(url) : url;
    const told = this.#told.get(where) ?? { at: Number.NEGATIVE_INFINITY, untold: 0 };
    if (now - told.at < TELL_MS) {
      told.untold += 1;
      return;
    }
    const more = told.untold === 0 ? "" : `; ${told.untold} more before`;
    this.#log.warn(clientId, `${text}${more}`, reply.code);
    if (this.#told.size >= URLS_TOLD_MAX) {
      this.#told.clear();
    }
    this.#told.set(where, { at: now, untold: 0 });
  }
}

/** Scheme, host and port; the text itself when it is no URL. */
export function originOf(url: string): string {
  return parseUrl(url)?.origin ?? url;
}

/** Without credentials and query: an operator may have put a key there. */
function shown(url: string): string {
  return maskSecrets(url.replace(/\?.*$/s, "?…"));
}
