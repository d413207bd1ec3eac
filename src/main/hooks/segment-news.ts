/** on_hls, on_hls_notify and on_dvr: those of one stream in order, one after the other. */
import type { HookAction, HooksConfig } from "../../protocol/conf/hooks.ts";
import type { HlsSegmentNews } from "../../protocol/control/hls.ts";
import { type Backlog, Chain } from "./chain.ts";
import type { HookEvent } from "./hook-session.ts";
import { commonFields, type HookSubject, type ServerIds } from "./payload.ts";
import { notifyUrl, recordingFields, segmentFields } from "./segments.ts";
import type { Teller } from "./teller.ts";

/** A file that has its name. */
export interface FinishedRecording {
  /** Rises with each recording of a packager. */
  readonly id: number;
  /** Where it stands, as configured. */
  readonly file: string;
}

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

/** News of all streams' segments and recordings. */
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
    this.#queue(subject, async (key) => {
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
  }

  /** A recording has its name. */
  addRecording(subject: HookSubject, recording: FinishedRecording, config: HooksConfig): void {
    const { id: sequence, file } = recording;
    const bytes = { sent: 0, received: 0 };
    const event: HookEvent = { action: "on_dvr", subject, config, sequence, bytes };
    const posted = this.#entered(event);
    if (posted.length === 0) {
      return;
    }
    this.#queue(subject, async (key) => {
      const { ids, directory, streamId, teller } = this.#host;
      const body = JSON.stringify({
        ...commonFields(ids, "on_dvr", subject),
        ...recordingFields(subject, file, { directory, streamId: streamId(key) }),
      });
      for (const url of posted) {
        await teller.tell({ event, configured: url, url, body });
      }
    });
  }

  /** After what is to be told of the same stream before. */
  #queue({ vhost, app, stream }: HookSubject, tell: (key: string) => Promise<void>): void {
    const key = `${vhost}/${app}/${stream}`;
    const chain = this.#chains.get(key) ?? new Chain(this.#host.backlog);
    this.#chains.set(key, chain);
    chain.add(() => tell(key));
    chain.add(() => {
      // The last piece of work: another one has added its own behind it, or nothing is left.
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
