/**
 * Who may connect, publish and play: vhost, one publisher per key, takeover of publishers that fell silent. Pure policy
 * over the directory; the lobby and sessions that ask again after hand-off use the same answers.
 */
import { type Config, resolveVhost, type VhostConfig } from "../../protocol/conf/config.ts";
import type { StreamSettings } from "../../protocol/control/calls.ts";
import { RejectedError } from "../../protocol/errors.ts";
import { type StreamRequest, streamKey } from "../../protocol/rtmp/stream-url.ts";
import type { Coordinator, PublisherPlace, StreamEntry } from "../coordinator/coordinator.ts";
import { monotonicMs } from "../monotonic.ts";
import type { ShardLink } from "../shards/shard-link.ts";

const MS_MASK = 0x7f_ff_ff_ff;
/** A publisher that is asked to leave has this long. */
const TAKEOVER_TIMEOUT_MS = 2000;
const TAKEOVER_POLL_MS = 5;

/** What admission looks at. */
export interface AdmissionHost {
  config(): Config;
  readonly coordinator: Coordinator;
  readonly shards: readonly (ShardLink | undefined)[];
}

/** Place of a publisher that is on its way to a shard. */
const COMING: PublisherPlace = { shard: -1, row: -1 };

/** What names a stream. */
export type StreamName = Pick<StreamRequest, "vhost" | "app" | "stream">;

/** A vhost's settings as a shard needs them. */
function settingsOf(config: Config, vhost: VhostConfig): StreamSettings {
  const { play, publish } = vhost;
  return {
    chunkSize: vhost.chunkSize,
    minLatency: vhost.minLatency,
    tcpNodelay: vhost.tcpNodelay,
    gopCache: play.gopCache,
    gopCacheMaxFrames: play.gopCacheMaxFrames,
    queueLengthMs: play.queueLengthMs,
    timeJitter: play.timeJitter,
    atc: play.atc,
    atcAuto: play.atcAuto,
    mixCorrect: play.mixCorrect,
    mwLatencyMs: play.mwLatencyMs,
    mwMsgs: play.mwMsgs,
    mwAdaptive: play.mwAdaptive,
    sendMinIntervalMs: play.sendMinIntervalMs,
    reduceSequenceHeader: play.reduceSequenceHeader,
    playWaitMs: play.waitMs,
    playerStallMs: config.limits.playerStallMs,
    firstPacketTimeoutMs: publish.firstPacketTimeoutMs,
    normalTimeoutMs: publish.normalTimeoutMs,
    kickoffForIdleMs: publish.kickoffForIdleMs,
    ringBudgetBytes: config.limits.ringBudgetBytes,
  };
}

/** The key under which a stream is known: with the name of the vhost that serves it, as in SRS. */
function keyOf({ app, stream }: StreamName, vhost: VhostConfig): string {
  return streamKey({ vhost: vhost.name, app, stream });
}

function busy(): RejectedError {
  return new RejectedError(
    "ERR_STREAM_BUSY",
    "NetStream.Publish.BadName",
    "Stream is already being published.",
  );
}

/** Decides. */
export class Admission {
  readonly #host: AdmissionHost;

  constructor(host: AdmissionHost) {
    this.#host = host;
  }

  /** The vhost that serves a client. @throws RejectedError */
  vhost(name: string): VhostConfig {
    const vhost = resolveVhost(this.#host.config(), name);
    if (vhost === undefined) {
      throw new RejectedError("ERR_VHOST", "NetConnection.Connect.Rejected", `No vhost ${name}.`);
    }
    return vhost;
  }

  /** The entry to play; players may wait for a stream that is not live. @throws RejectedError */
  play(stream: StreamName): StreamEntry {
    const vhost = this.vhost(stream.vhost);
    return this.#host.coordinator.enter(
      keyOf(stream, vhost),
      settingsOf(this.#host.config(), vhost),
    );
  }

  /**
   * Takes the name of a key for a new publisher. The entry is {@link COMING}'s until the caller sets its place or gives
   * it back by {@link abandon}.
   * @throws RejectedError when somebody publishes it.
   */
  async publish(stream: StreamName): Promise<StreamEntry> {
    const config = this.#host.config();
    const vhost = this.vhost(stream.vhost);
    const key = keyOf(stream, vhost);
    const settings = settingsOf(config, vhost);
    const entry = this.#host.coordinator.enter(key, settings);
    if (entry.publisher === null) {
      entry.publisher = COMING;
      return entry;
    }
    await this.#takeOver(entry, entry.publisher, config.limits.takeoverSilenceMs);
    // The entry may have been pruned with its publisher and made anew, and somebody may have been faster.
    const vacant = this.#host.coordinator.enter(key, settings);
    if (vacant.publisher !== null) {
      throw busy();
    }
    vacant.publisher = COMING;
    return vacant;
  }

  /** Gives a name back that was taken and not used. */
  abandon(entry: StreamEntry): void {
    this.#host.coordinator.removePublisher(entry, COMING);
  }

  async #takeOver(entry: StreamEntry, publisher: PublisherPlace, silenceMs: number): Promise<void> {
    const shard = this.#host.shards[publisher.shard];
    if (
      shard === undefined ||
      silenceMs === 0 ||
      this.#silentFor(shard, publisher.row) < silenceMs
    ) {
      throw busy();
    }
    await shard.kick(publisher.row, "taken over");
    const until = monotonicMs() + TAKEOVER_TIMEOUT_MS;
    while (entry.publisher === publisher && monotonicMs() < until) {
      await new Promise((resolve) => setTimeout(resolve, TAKEOVER_POLL_MS));
    }
  }

  #silentFor(shard: ShardLink, row: number): number {
    return ((monotonicMs() & MS_MASK) - (shard.board.progress[row] ?? 0)) & MS_MASK;
  }
}
