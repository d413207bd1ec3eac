/** on_hls and on_hls_notify: those of one stream in order, one after the other. */
import type { HookAction, HooksConfig } from "../../protocol/conf/hooks.ts";
import type { HlsSegmentNews } from "../../protocol/control/hls.ts";
import { type Backlog, Chain } from "./chain.ts";
import type { HookEvent } from "./hook-session.ts";
import { commonFields, type HookSubject, type ServerIds } from "./payload.ts";
import { notifyUrl, segmentFields } from "./segments.ts";
import type { Teller } from "./teller.ts";

/** What it works with. */
export interface SegmentNewsHost {
  readonly backlog: Backlog;
  readonly teller: Teller;
  readonly ids: ServerIds;
  /** Where the server runs. */
  readonly directory: string;
  /** The API's id of a stream. @param key `vhost/app/stream` */
  readonly streamId: (key: string) => string;
}

/** News of all streams' segments. */
export class SegmentNews {
  readonly #host: SegmentNewsHost;
  /** Of streams with news that is not told yet. */
  readonly #chains = new Map<string, Chain>();

  constructor(host: SegmentNewsHost) {
    this.#host = host;
  }

  /** A segment is finished. For each server that has too much to hear already it is left out. */
  add(subject: HookSubject, segment: HlsSegmentNews, config: HooksConfig): void {
    const eventOf = (action: HookAction): HookEvent => {
      const bytes = { sent: 0, received: 0 };
      return { action, subject, config, sequence: segment.sequence, bytes };
    };
    const posted = this.#entered(eventOf("on_hls"));
    const notified = this.#entered(eventOf("on_hls_notify"));
    if (posted.length + notified.length === 0) {
      return;
    }
    const { vhost, app, stream } = subject;
    const key = `${vhost}/${app}/${stream}`;
    const chain = this.#chains.get(key) ?? new Chain(this.#host.backlog);
    this.#chains.set(key, chain);
    chain.add(async () => {
      const body = this.#bodyOf(key, subject, segment);
      for (const url of posted) {
        await this.#host.teller.tell({ event: eventOf("on_hls"), configured: url, url, body });
      }
      for (const configured of notified) {
        await this.#host.teller.tell({
          event: eventOf("on_hls_notify"),
          configured,
          url: notifyUrl(configured, this.#host.ids, subject, segment),
          body: null,
          replyBytes: config.notifyBytes,
        });
      }
    });
    chain.add(() => {
      // The last piece of work: another segment has added its own behind it, or nothing is left.
      queueMicrotask(() => {
        if (chain.isIdle && this.#chains.get(key) === chain) {
          this.#chains.delete(key);
        }
      });
    });
  }

  #entered(event: HookEvent): readonly string[] {
    const urls = event.config.urls[event.action];
    return urls.filter((url) => this.#host.teller.enter(event, url));
  }

  #bodyOf(key: string, subject: HookSubject, segment: HlsSegmentNews): string {
    const { ids, directory, streamId } = this.#host;
    return JSON.stringify({
      ...commonFields(ids, "on_hls", subject),
      ...segmentFields(subject, segment, { directory, streamId: streamId(key) }),
    });
  }
}
