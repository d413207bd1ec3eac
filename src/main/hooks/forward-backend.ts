/** The question where a stream is sent on to (SRS: on_forward). Its answer names the destinations, or refuses the publish. */
import type { HooksConfig } from "../../protocol/conf/hooks.ts";
import { RejectedError } from "../../protocol/errors.ts";
import { FORWARD_DESTINATIONS_MAX } from "../../protocol/limits.ts";
import { parseRtmpUrl } from "../../protocol/rtmp/stream-url.ts";
import type { HookCaller } from "./hook-caller.ts";
import type { HttpAnswer } from "./http-call.ts";
import { commonFields, type HookSubject, type ServerIds } from "./payload.ts";
import { refusedBy, unanswered } from "./refusals.ts";
import { failed, judgeReply, type Reply } from "./reply.ts";

const ACTION = "on_forward";
const SCHEMES: ReadonlySet<string> = new Set(["rtmp", "rtmps"]);

/** What questions are asked with. */
export interface ForwardBackendHost {
  readonly caller: HookCaller;
  readonly ids: ServerIds;
  newKey(): string;
  nextSequence(): number;
}

/** Who is asked, and how. */
export interface ForwardQuestion {
  readonly url: string;
  /** Of the vhost's callbacks, in effect or not: how long it may take, how it is signed. */
  readonly config: HooksConfig;
  /** What is left of the time for all that decides about the publish. */
  readonly leftMs: number;
}

/** Asks. */
export class ForwardBackend {
  readonly #host: ForwardBackendHost;

  constructor(host: ForwardBackendHost) {
    this.#host = host;
  }

  /**
   * Asks, once.
   * @returns URLs, checked, each once; they may hold keys: never log them. Rejects with RejectedError.
   */
  async ask(
    subject: HookSubject,
    { url, config, leftMs }: ForwardQuestion,
  ): Promise<readonly string[]> {
    if (leftMs <= 0) {
      throw unanswered(ACTION);
    }
    const { caller, ids } = this.#host;
    const { clientId, tcUrl, stream, param } = subject;
    const fields = { ...commonFields(ids, ACTION, subject), tcUrl, stream, param };
    let urls: readonly string[] = [];
    const judge = (answer: HttpAnswer): Reply => {
      const reply = judgeReply(answer);
      const named = reply.kind === "allowed" ? decodeUrls(answer.body) : [];
      if (typeof named === "string") {
        return failed("ERR_HOOK_FORWARD", named);
      }
      urls = named;
      return reply;
    };
    const { kind } = await caller.call({
      action: ACTION,
      clientId,
      url,
      body: JSON.stringify(fields),
      config,
      isVerdict: true,
      timeoutMs: Math.min(config.timeoutMs, leftMs),
      key: this.#host.newKey(),
      sequence: this.#host.nextSequence(),
      judge,
    });
    if (kind !== "allowed") {
      throw kind === "refused" ? refusedBy(ACTION) : unanswered(ACTION);
    }
    return urls;
  }
}

/** @returns what is wrong, without a word of the answer. */
function decodeUrls(body: string): readonly string[] | string {
  const { data } = JSON.parse(body) as { readonly data?: { readonly urls?: unknown } | null };
  const urls = typeof data === "object" ? data?.urls : undefined;
  if (!Array.isArray(urls)) {
    return "answer has no list data.urls";
  }
  // SRS passes over empty ones.
  const named = [...new Set(urls.filter((url) => url !== ""))];
  if (named.length > FORWARD_DESTINATIONS_MAX) {
    return `answer names more than ${FORWARD_DESTINATIONS_MAX} URLs`;
  }
  return named.every(isForwardUrl)
    ? named
    : "answer names something that is no URL of rtmp or rtmps";
}

function isForwardUrl(url: unknown): url is string {
  if (typeof url !== "string") {
    return false;
  }
  try {
    return SCHEMES.has(parseRtmpUrl(url).schema);
  } catch (error) {
    if (error instanceof RejectedError) {
      return false;
    }
    throw error;
  }
}
