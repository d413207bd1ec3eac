/**
 * One client's callbacks, in order and each once: on_connect, then on_publish and on_play, then their ends, then on_close.
 * What begins is asked, what ends is told; a question waits for what was to be told before it.
 *
 * An end is told for what was allowed, and only for that (SRS). When the client leaves while it is decided, nobody waits
 * for the verdict any more, but its end is told when it was allowed after all. A question whose turn does not come in
 * time, because what is to be told before hangs, is never asked.
 */
import type { HookAction, HooksConfig } from "../../protocol/conf/hooks.ts";
import { RejectedError } from "../../protocol/errors.ts";
import { HOOK_SESSION_QUEUE_MAX } from "../../protocol/limits.ts";
import { type Backlog, Chain } from "./chain.ts";
import type { HookBytes, HookSubject } from "./payload.ts";

/** What a client begins and ends. */
export type HookUse = "publish" | "play";

/** One question or piece of news. */
export interface HookEvent {
  readonly action: HookAction;
  readonly subject: HookSubject;
  readonly config: HooksConfig;
  /** Rises with each event, also over the sessions of one client: a viewer of HLS may come again under its name. */
  readonly sequence: number;
  /** Of on_close. */
  readonly bytes: HookBytes;
}

/** What sessions use. */
export interface HookSessionHost {
  readonly backlog: Backlog;
  /** Callbacks of a vhost; undefined where there are none. */
  configOf(vhost: string): HooksConfig | undefined;
  /**
   * Asks all URLs. @param untilMs By `performance.now()`. @param signal Nobody waits any more: it is asked only when it has
   * begun. @throws RejectedError when one refuses.
   */
  ask(event: HookEvent, untilMs: number, signal: AbortSignal): Promise<void>;
  /** Tells all URLs. Never rejects. */
  tell(event: HookEvent): Promise<void>;
  /** A verdict that still counts. */
  isKnown(event: HookEvent): boolean;
  nextSequence(): number;
  /** When a question has to be answered. By `performance.now()`. */
  deadline(): number;
  /** A question whose turn has not come until then. @returns undefined when it is allowed all the same. */
  late(event: HookEvent): RejectedError | undefined;
  /** A question that may not even wait. */
  busy(event: HookEvent): RejectedError;
}

/** Something that was allowed. */
interface Begun {
  readonly use: HookUse;
  readonly subject: HookSubject;
}

function keyOf({ vhost, app, stream }: HookSubject): string {
  return `${vhost}/${app}/${stream}`;
}

/** How a question came out before its turn came. */
type Settled = "allowed" | "over" | undefined;

function left(): RejectedError {
  return new RejectedError("left", "NetConnection.Connect.Rejected", "The client has left.");
}

const NO_BYTES: HookBytes = { sent: 0, received: 0 };
const BEGINS = { publish: "on_publish", play: "on_play" } as const;
const ENDS = { publish: "on_unpublish", play: "on_stop" } as const;

/** Callbacks of one client. */
export class HookSession {
  readonly #host: HookSessionHost;
  readonly #chain: Chain;
  readonly #begun: Begun[] = [];
  /** As it connected; undefined for viewers by HTTP. */
  #connected: HookSubject | undefined;
  #isClosed = false;
  /** Ends the wait of those who wait for a verdict. */
  readonly #waiting = new Set<(error: RejectedError) => void>();

  constructor(host: HookSessionHost) {
    this.#host = host;
    this.#chain = new Chain(host.backlog);
  }

  /** A client connects. undefined: it may, and nobody is asked. Rejects with RejectedError. */
  connect(subject: HookSubject): Promise<void> | undefined {
    const config = this.#host.configOf(subject.vhost);
    if (config === undefined) {
      return undefined;
    }
    this.#connected = subject;
    return config.urls.on_connect.length === 0
      ? undefined
      : this.#ask(this.#event("on_connect", subject, config), () => undefined);
  }

  /** It wants to publish or play; {@link end} or {@link close} is to be called when it does no more. As {@link connect}. */
  begin(use: HookUse, subject: HookSubject): Promise<void> | undefined {
    const config = this.#host.configOf(subject.vhost);
    if (config === undefined) {
      return undefined;
    }
    const action = BEGINS[use];
    const begun = { use, subject };
    if (this.#isClosed) {
      return Promise.reject(left());
    }
    if (this.#chain.length >= HOOK_SESSION_QUEUE_MAX) {
      return Promise.reject(this.#host.busy(this.#event(action, subject, config)));
    }
    if (config.urls[action].length === 0) {
      this.#chain.add(() => void this.#begun.push(begun));
      return undefined;
    }
    const event = this.#event(action, subject, config);
    if (this.#host.isKnown(event)) {
      this.#chain.add(() => {
        this.#begun.push(begun);
        return this.#host.tell(event);
      });
      return undefined;
    }
    return this.#ask(event, () => void this.#begun.push(begun));
  }

  /** Waits for something else that is decided about the client, as long as it is there. Rejects with RejectedError. */
  whileHere<Answer>(decided: Promise<Answer>): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      const give = (error: RejectedError): void => reject(error);
      const done = (): void => void this.#waiting.delete(give);
      this.#waiting.add(give);
      decided.then(resolve, reject).finally(done);
      if (this.#isClosed) {
        give(left());
      }
    });
  }

  /** It has ended what it began, or what it was allowed could not be done. @param key `vhost/app/stream` */
  end(use: HookUse, key: string): void {
    this.#chain.add(() => {
      const at = this.#begun.findIndex(
        ({ use: one, subject }) => one === use && keyOf(subject) === key,
      );
      const [begun] = at < 0 ? [] : this.#begun.splice(at, 1);
      return begun === undefined ? undefined : this.#tellEnd(begun);
    });
  }

  /** It is gone, with all that it has begun. Later calls do nothing. */
  close(bytes: HookBytes): void {
    if (this.#isClosed) {
      return;
    }
    this.#isClosed = true;
    for (const give of this.#waiting) {
      give(left());
    }
    if (this.#connected === undefined && this.#begun.length === 0 && this.#chain.isIdle) {
      return;
    }
    this.#chain.add(async () => {
      for (const begun of this.#begun.splice(0)) {
        await this.#tellEnd(begun);
      }
      if (this.#connected !== undefined) {
        await this.#tell("on_close", this.#connected, bytes);
      }
    });
  }

  #ask(event: HookEvent, allowed: () => void): Promise<void> {
    const until = this.#host.deadline();
    return new Promise<void>((resolve, reject) => {
      let settled: Settled;
      let timer: NodeJS.Timeout | undefined;
      const controller = new AbortController();
      const give = (error: RejectedError): void => {
        controller.abort();
        clearTimeout(timer);
        this.#waiting.delete(give);
        settled = "over";
        reject(error);
      };
      this.#waiting.add(give);
      const late = (): void => {
        const error = this.#host.late(event);
        if (error === undefined) {
          this.#waiting.delete(give);
          settled = "allowed";
          resolve();
        } else {
          give(error);
        }
      };
      // What is to be told before may take longer than an answer may.
      timer = this.#chain.isIdle ? undefined : setTimeout(late, until - performance.now());
      this.#chain.add(async () => {
        clearTimeout(timer);
        if (settled !== undefined) {
          // Nobody waits for its answer any more: it is not asked.
          return settled === "allowed" ? allowed() : undefined;
        }
        try {
          await this.#host.ask(event, until, controller.signal);
          allowed();
          this.#waiting.delete(give);
          resolve();
        } catch (error) {
          this.#waiting.delete(give);
          reject(error);
        }
      });
    });
  }

  #tellEnd({ use, subject }: Begun): Promise<void> {
    return this.#tell(ENDS[use], subject, NO_BYTES);
  }

  async #tell(action: HookAction, subject: HookSubject, bytes: HookBytes): Promise<void> {
    const config = this.#host.configOf(subject.vhost);
    if (config !== undefined && config.urls[action].length > 0) {
      await this.#host.tell({ ...this.#event(action, subject, config), bytes });
    }
  }

  #event(action: HookAction, subject: HookSubject, config: HooksConfig): HookEvent {
    return { action, subject, config, sequence: this.#host.nextSequence(), bytes: NO_BYTES };
  }
}
