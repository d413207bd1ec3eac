/**
 * Who may connect, publish and play: vhost, security, referer, one publisher per key, takeover of publishers that fell silent. Pure policy
 * over the directory; the lobby and sessions that ask again after hand-off use the same answers.
 */

import { checkRefer } from "../../protocol/access/refer.ts";
import {
  type AccessAction,
  checkSecurity,
  SecurityRefusal,
} from "../../protocol/access/security.ts";
import { type Config, resolveVhost, type VhostConfig } from "../../protocol/conf/config.ts";
import { Counter } from "../../protocol/control/board.ts";
import type { StreamSettings } from "../../protocol/control/calls.ts";
import { isRecorded } from "../../protocol/control/recording.ts";
import { ControlError, RejectedError } from "../../protocol/errors.ts";
import { HOOK_TIMEOUT_MS_MAX } from "../../protocol/limits.ts";
import { type StreamRequest, streamKey } from "../../protocol/rtmp/stream-url.ts";
import {
  type Coordinator,
  isPull,
  type PublisherPlace,
  type StreamEntry,
} from "../coordinator/coordinator.ts";
import type { Edge } from "../coordinator/edge.ts";
import type { ForwardAnswer, Forwards } from "../coordinator/forwards.ts";
import { type Seat, type SeatClaim, Seats } from "../coordinator/seats.ts";
import type { HookSession } from "../hooks/hook-session.ts";
import type { HookSubject } from "../hooks/payload.ts";
import type { Logger } from "../log/logger.ts";
import { monotonicMs } from "../monotonic.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import type { Tokens } from "../tokens/tokens.ts";
import { sendElsewhere } from "./coworkers.ts";
import { settingsOf } from "./stream-settings.ts";

const MS_MASK = 0x7f_ff_ff_ff;
/** A publisher that is asked to leave has this long. */
const TAKEOVER_TIMEOUT_MS = 2000;
const TAKEOVER_POLL_MS = 5;

/** What admission looks at. */
export interface AdmissionHost {
  config(): Config;
  readonly coordinator: Coordinator;
  readonly edge: Edge;
  readonly forwards: Pick<Forwards, "ask" | "admitted">;
  readonly shards: readonly (ShardLink | undefined)[];
  readonly tokens: Tokens;
  readonly log: Pick<Logger, "warn">;
  /** Nobody new is let in. */
  isShortOfMemory(): boolean;
}

/** Place of a publisher that is on its way to a shard. */
const COMING: PublisherPlace = { shard: -1, row: -1 };

/** What names a stream. */
export type StreamName = Pick<StreamRequest, "vhost" | "app" | "stream">;

/** Who asks. */
export interface Applicant {
  /** Connection id of the logs. */
  readonly id: string;
  /** '' when the peer has none. */
  readonly ip: string;
  readonly pageUrl: string;
  readonly tcUrl: string;
  /** Query with its question mark, or ''. */
  readonly param: string;
  /** Callbacks about it; undefined where there are none. */
  readonly hooks: HookSession | undefined;
  /** Its token was checked before. */
  readonly isKnown?: boolean;
}

/** A stream that may be played or published: what the directory needs to find or make its entry. */
export interface AdmittedStream {
  /** `vhost/app/stream`. */
  readonly key: string;
  readonly settings: StreamSettings;
  /** For a seat among those who play or publish at one time; null: it is not counted. */
  readonly claim: SeatClaim | null;
}

/** The key under which a stream is known: with the name of the vhost that serves it, as in SRS. */
function keyOf({ app, stream }: StreamName, vhost: VhostConfig): string {
  return streamKey({ vhost: vhost.name, app, stream });
}

const DENIED: Readonly<Record<AccessAction, string>> = {
  publish: "NetStream.Publish.Denied",
  play: "NetStream.Play.Failed",
};

/** What callbacks say about an applicant. */
function subjectOf(key: string, { app, stream }: StreamName, from: Applicant): HookSubject {
  const { id: clientId, ip, param, tcUrl, pageUrl } = from;
  return {
    clientId,
    ip,
    vhost: key.slice(0, key.indexOf("/")),
    app,
    stream,
    param,
    tcUrl,
    pageUrl,
  };
}

function badPage(status: string): RejectedError {
  return new RejectedError("ERR_REFERER", status, "This page may not be served.");
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
  /** Who plays and publishes at one time. */
  readonly seats: Seats;
  /** Made once for each vhost of the configuration in force. */
  readonly #settings = new WeakMap<VhostConfig, StreamSettings>();
  /** Of streams that are recorded. */
  readonly #recorded = new WeakMap<VhostConfig, StreamSettings>();
  /** Names that somebody is about to get. */
  readonly #promised = new Set<string>();

  constructor(host: AdmissionHost) {
    this.#host = host;
    this.seats = new Seats({
      limitsOf: (vhost) => host.config().vhosts.get(vhost)?.limits,
      log: host.log,
      now: monotonicMs,
    });
  }

  /** The vhost that serves a client. @throws RejectedError */
  vhost(name: string): VhostConfig {
    const vhost = resolveVhost(this.#host.config(), name);
    if (vhost === undefined) {
      throw new RejectedError("ERR_VHOST", "NetConnection.Connect.Rejected", `No vhost ${name}.`);
    }
    return vhost;
  }

  /** The vhost that serves a client's `connect`, when its page may. @throws RejectedError */
  connect(name: string, pageUrl: string): VhostConfig {
    const vhost = this.vhost(name);
    if (!checkRefer(vhost.refer, "all", pageUrl)) {
      throw badPage("NetConnection.Connect.Rejected");
    }
    return vhost;
  }

  /**
   * The stream to play, by the rules; players may wait for one that is not live. No state is made for it.
   * @throws RejectedError
   */
  play(stream: StreamName, from: Applicant): AdmittedStream {
    const admitted = this.#admitted("play", stream, from);
    if (this.#host.edge.isNotFound(admitted.key) && this.vhost(stream.vhost).cluster.waitMs > 0) {
      const status = "NetStream.Play.StreamNotFound";
      throw new RejectedError("ERR_STREAM_NOT_FOUND", status, "No such stream.");
    }
    return admitted;
  }

  /**
   * Looks for a stream that is not live here at the other origins of a mesh; undefined when it is to be served here. The
   * promise is always rejected, with a redirect or without.
   */
  elsewhere(stream: StreamRequest): Promise<never> | undefined {
    const { name, cluster } = this.vhost(stream.vhost);
    const isLive = this.#host.coordinator.find(streamKey({ ...stream, vhost: name }))?.publisher;
    const isAsked = cluster.originCluster && !cluster.isEdge && !isLive;
    return isAsked ? sendElsewhere(stream, name, cluster.coworkers) : undefined;
  }

  /**
   * Whether there is a seat and the callback lets it play; undefined: nobody is asked. What the applicant's callbacks
   * allowed and cannot be done is to be ended there. Rejects with RejectedError.
   * @throws RejectedError when there is no memory for one more, or no seat, which is looked for again when the player is placed
   */
  mayPlay(
    { key, claim }: AdmittedStream,
    stream: StreamName,
    from: Applicant,
  ): Promise<void> | undefined {
    this.#checkMemory("NetStream.Play.Failed");
    this.#checkSeat(claim);
    return from.hooks?.begin("play", subjectOf(key, stream, from));
  }

  /**
   * Takes the name of a key for a new publisher. The entry is {@link COMING}'s until the caller sets its place or gives
   * it back by {@link abandon}. While it is decided nobody else gets the name, and nobody loses it.
   * @throws RejectedError when somebody publishes it, or it may not be.
   */
  async publish(stream: StreamName, from: Applicant): Promise<StreamEntry> {
    const admitted = this.#admitted("publish", stream, from);
    this.#checkMemory("NetStream.Publish.Failed");
    const { key, claim } = admitted;
    const known = this.#host.coordinator.find(key);
    if (this.#promised.has(key) || this.#isHeld(known?.publisher ?? null)) {
      throw busy();
    }
    // One that fell silent makes room by its going.
    this.#checkSeat(claim, known?.seat);
    const subject = subjectOf(key, stream, from);
    this.#promised.add(key);
    try {
      const until = monotonicMs() + HOOK_TIMEOUT_MS_MAX;
      const verdict = from.hooks?.begin("publish", subject);
      if (verdict !== undefined) {
        await verdict;
      }
      const asked = this.#host.forwards.ask(subject, until - monotonicMs());
      return await this.#begin(admitted, asked && (from.hooks?.whileHere(asked) ?? asked)).catch(
        (error: unknown) => {
          from.hooks?.end("publish", key);
          throw error;
        },
      );
    } finally {
      this.#promised.delete(key);
    }
  }

  #checkMemory(status: string): void {
    if (this.#host.isShortOfMemory()) {
      throw new RejectedError("ERR_MEMORY", status, "The server is short of memory.");
    }
  }

  /** Takes the name of a stream when it is known where it goes besides. @throws RejectedError */
  async #begin(
    admitted: AdmittedStream,
    asked: Promise<ForwardAnswer> | undefined,
  ): Promise<StreamEntry> {
    const answer = asked === undefined ? undefined : await asked;
    const entry = await this.#take(admitted);
    this.#host.forwards.admitted(entry, answer);
    return entry;
  }

  /** Makes the name free, and takes it. @throws RejectedError when it does not become free. */
  async #take(admitted: AdmittedStream): Promise<StreamEntry> {
    const { coordinator } = this.#host;
    const { key } = admitted;
    const holder = coordinator.find(key)?.publisher ?? null;
    if (isPull(holder)) {
      await this.#host.edge.yieldTo(key);
    } else if (holder !== null) {
      await this.#takeOver(key, holder);
    }
    // While that took its time the last seat may have been taken, and the entry made anew.
    this.#checkSeat(admitted.claim);
    const vacant = coordinator.enter(key, this.current(admitted));
    if (vacant.publisher !== null) {
      throw busy();
    }
    vacant.publisher = COMING;
    vacant.seat = this.seats.take(admitted.claim);
    return vacant;
  }

  /** The settings of an admitted stream by now: a reload may have come between. */
  current({ key, settings }: Pick<AdmittedStream, "key" | "settings">): StreamSettings {
    return this.settingsUnder(this.#host.config(), key) ?? settings;
  }

  /** What a reload to `config` makes of a running stream's settings; those of a vhost that is gone stay. */
  settingsUnder(config: Config, key: string): StreamSettings | undefined {
    const vhost = config.vhosts.get(key.slice(0, key.indexOf("/")));
    return vhost === undefined ? undefined : this.#settingsOf(config, vhost, key);
  }

  /** What telling a refusal waits for: guesses are answered late. undefined: nothing. Never rejects. */
  pause({ code }: RejectedError, ip: string): Promise<void> | undefined {
    return this.#host.tokens.pause(code, ip);
  }

  /** Tells a refusal, at once or after {@link pause}. */
  refuse(error: RejectedError, ip: string, tell: () => void): void {
    const pause = this.pause(error, ip);
    if (pause === undefined) {
      tell();
    } else {
      void pause.then(tell);
    }
  }

  /** Gives a name back that was taken and not used. */
  abandon(entry: StreamEntry): void {
    this.#host.coordinator.removePublisher(entry, COMING);
  }

  /** The stream, when the vhost's rules let the client do it: addresses first, then pages, as in SRS. @throws RejectedError */
  #admitted(action: AccessAction, stream: StreamName, from: Applicant): AdmittedStream {
    const { ip, pageUrl, param } = from;
    const vhost = this.vhost(stream.vhost);
    const status = DENIED[action];
    const refusal = checkSecurity(vhost.security, action, ip);
    if (refusal !== undefined) {
      const isDenied = refusal === SecurityRefusal.Denied;
      const code = isDenied ? "ERR_SECURITY_DENIED" : "ERR_SECURITY_NOT_ALLOWED";
      throw new RejectedError(code, status, `This address may not ${action}.`);
    }
    if (!checkRefer(vhost.refer, action, pageUrl)) {
      throw badPage(status);
    }
    const { app, stream: name } = stream;
    const { tokens } = this.#host;
    const wanted = { action, vhost: vhost.name, app, stream: name, ip, param };
    const flaw = from.isKnown ? undefined : tokens.flawOf(vhost.token, wanted);
    if (flaw !== undefined) {
      throw new RejectedError(flaw.code, status, flaw.text);
    }
    const key = keyOf(stream, vhost);
    const token = from.isKnown ? "" : tokens.identify(vhost.token, wanted);
    const settings = this.#settingsOf(this.#host.config(), vhost, key);
    return { key, settings, claim: { action, vhost: vhost.name, key, ip, token } };
  }

  /** @throws RejectedError when there is none. */
  #checkSeat(claim: SeatClaim | null, leaving: Seat | null = null): void {
    const refusal = this.seats.refusalOf(claim, leaving);
    if (refusal !== undefined) {
      throw refusal;
    }
  }

  /** Somebody publishes who has not fallen silent. A pull makes way. */
  #isHeld(holder: PublisherPlace | null): boolean {
    return holder !== null && !isPull(holder) && this.#silentOne(holder) === undefined;
  }

  /** The shard of a publisher that fell silent. */
  #silentOne(holder: PublisherPlace): ShardLink | undefined {
    const { takeoverSilenceMs } = this.#host.config().limits;
    const shard = this.#host.shards[holder.shard];
    const isSilent =
      shard !== undefined &&
      takeoverSilenceMs > 0 &&
      silentFor(shard, holder.row) >= takeoverSilenceMs;
    return isSilent ? shard : undefined;
  }

  /** Ends the publisher of a key when it fell silent. @throws RejectedError when it did not. */
  async #takeOver(key: string, holder: PublisherPlace): Promise<void> {
    const shard = this.#silentOne(holder);
    if (shard === undefined) {
      throw busy();
    }
    try {
      await shard.kick(holder.row, "taken over");
    } catch (error) {
      if (!(error instanceof ControlError)) {
        throw error;
      }
      // It hangs and keeps its name until it is replaced, or it died and the name is free already.
    }
    const until = monotonicMs() + TAKEOVER_TIMEOUT_MS;
    while (this.#host.coordinator.find(key)?.publisher === holder && monotonicMs() < until) {
      await new Promise((resolve) => setTimeout(resolve, TAKEOVER_POLL_MS));
    }
  }

  #settingsOf(config: Config, vhost: VhostConfig, key: string): StreamSettings {
    const isToRecord = isRecorded(vhost.dvr, key);
    const known = isToRecord ? this.#recorded : this.#settings;
    let settings = known.get(vhost);
    if (settings === undefined) {
      settings = settingsOf(config, vhost, isToRecord);
      known.set(vhost, settings);
    }
    return settings;
  }
}

/**
 * How long a publisher has sent nothing, by the last time its shard looked: a shard that stood still has seen nothing
 * of anybody.
 */
function silentFor({ board }: ShardLink, row: number): number {
  const looked = board.counters[Counter.Heartbeat] ?? 0;
  const silentMs = ((looked & MS_MASK) - (board.progress[row] ?? 0)) & MS_MASK;
  // It spoke after the last look: the difference is negative.
  return silentMs > MS_MASK / 2 ? 0 : silentMs;
}
