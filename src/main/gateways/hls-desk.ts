/** What packagers tell the primary: all of HLS, its outputs, viewers, and what goes wrong with either; and recordings. */
import type { Config } from "../../protocol/conf/config.ts";
import type { EndReason, HlsQuestion } from "../../protocol/control/calls.ts";
import type {
  HlsAnswer,
  HlsNews,
  HlsSegmentNews,
  HlsTouches,
  HlsTrouble,
} from "../../protocol/control/hls.ts";
import type { HlsHoldings } from "../../protocol/control/hls-windows.ts";
import type { RecordingNews } from "../../protocol/control/recording.ts";
import type { Prepared, ReloadPart } from "../config/parts.ts";
import { isPull } from "../coordinator/coordinator.ts";
import { Publishers } from "../hooks/publishers.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import { postToGateways } from "../shards/to-gateways.ts";
import { HlsDirectory } from "./hls-directory.ts";
import { GuardedVhosts } from "./hls-guards.ts";
import { HlsViewers, type HlsViewersHost } from "./hls-viewers.ts";
import { Recordings, type RecordingsHost } from "./recordings.ts";

const TICK_MS = 1000;

/** What HLS works with. */
export type HlsDeskHost = Omit<HlsViewersHost, "hasPlaylist"> & Pick<RecordingsHost, "hooks">;

/** Where the primary's other rooms ask about HLS. */
export class HlsDesk implements ReloadPart {
  readonly #host: HlsDeskHost;
  readonly #guarded = new GuardedVhosts();
  readonly #directory: HlsDirectory;
  readonly #viewers: HlsViewers;
  readonly #timer: NodeJS.Timeout;
  readonly #publishers: Publishers;
  readonly #recordings: Recordings;

  constructor(host: HlsDeskHost) {
    this.#host = host;
    this.#publishers = new Publishers(host);
    this.#recordings = new Recordings({ ...host, publishers: this.#publishers });
    this.#directory = new HlsDirectory({
      links: host.links,
      now: host.now,
      segmentFinished: (key, segment) => this.#segmentFinished(key, segment),
    });
    this.#viewers = new HlsViewers({
      ...host,
      hasPlaylist: (key) => this.#directory.hasPlaylist(key),
    });
    this.#timer = setInterval(() => {
      this.#directory.tick();
      this.#viewers.tick();
    }, TICK_MS).unref();
  }

  /** What is held for viewers. */
  get holdings(): HlsHoldings {
    return this.#directory.holdings;
  }

  /** News of packagers and gateways. */
  take(link: ShardLink, message: HlsNews | HlsTouches | HlsTrouble | RecordingNews): void {
    if (message.kind === "hls") {
      this.#directory.take(link, message);
    } else if (message.kind === "hls-touched") {
      this.#viewers.touched(link, message);
    } else if (message.kind === "recording") {
      this.#recordings.take(link, message);
    } else {
      this.#trouble(link, message);
    }
  }

  /** Somebody publishes, and may have left when the first file of it is told of. */
  published(streamId: number): void {
    const entry = this.#host.coordinator.findById(streamId);
    if (entry !== undefined && entry.settings.dvr !== null) {
      this.#publishers.of(entry.key);
    }
  }

  /** Answers a gateway about a playlist. */
  admit(question: HlsQuestion): Promise<HlsAnswer> {
    return this.#viewers.admit(question);
  }

  /** Gateways are told where permission is asked for. */
  prepare(next: Config): Prepared {
    const commit = (): void => postToGateways(this.#host.links, this.#guarded.news(next));
    return { commit, abort: () => undefined };
  }

  /** A thread is ready: it learns what it has to know. */
  ready(link: ShardLink): void {
    if (link.role === "gateway") {
      link.post(this.#guarded.news(this.#host.config()));
    }
    this.#directory.ready(link);
    if (link.role === "packager") {
      const { coordinator } = this.#host;
      const outputs = this.#directory.left((key) => coordinator.packagerOf(key) === link.index);
      link.post({ kind: "hls-left", outputs });
      coordinator.announceToPackagers();
    }
  }

  /** The client of a row has ended. */
  left(shard: number, row: number, reason: EndReason): void {
    this.#viewers.left(shard, row, reason);
  }

  /** A thread is gone. */
  died(index: number): void {
    this.#directory.died(index);
    this.#viewers.died(index);
    this.#recordings.died(index);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Every finished segment, after all gateways were told: the place for those who want to hear of it (`on_hls`). */
  #segmentFinished(key: string, segment: HlsSegmentNews): void {
    const { sequence, durationMs } = segment;
    this.#host.hooks.segment(this.#publishers.of(key), segment);
    const seconds = (durationMs / 1000).toFixed(3);
    this.#host.log.debug("hls", `segment ${sequence} of ${key}, ${seconds} s`);
  }

  /** Told once by whoever has it, and once when it is over. */
  #trouble(packager: ShardLink, { key, text, disconnect }: HlsTrouble): void {
    const { log, coordinator, links } = this.#host;
    log.warn(packager.name, `hls of ${key}: ${text}`, "ERR_HLS_FILES");
    const publisher = disconnect ? (coordinator.find(key)?.publisher ?? null) : null;
    if (publisher !== null && !isPull(publisher)) {
      const ending = links[publisher.shard]?.kick(publisher.row, "kicked");
      ending?.catch((error: unknown) => log.warn(packager.name, String(error)));
    }
  }
}
