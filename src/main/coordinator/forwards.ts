/**
 * Where published streams are sent on to (SRS: forward): which destinations each has, by the configuration or by what its
 * backend said, and how they fare. The shard that publishes a stream connects; it is told all destinations of the stream
 * whenever they change, so that those that stay are not disturbed. A publisher never waits for one, nor ends with it.
 */
import type { Config, VhostConfig } from "../../protocol/conf/config.ts";
import type { ForwardNews } from "../../protocol/control/forward.ts";
import type { AttemptEnd, AttemptFault, OriginTarget } from "../../protocol/control/upstream.ts";
import { RejectedError } from "../../protocol/errors.ts";
import { HOOK_TIMEOUT_MS_MAX } from "../../protocol/limits.ts";
import { encodeRtmpUrl, parseRtmpUrl, type RtmpTarget } from "../../protocol/rtmp/stream-url.ts";
import type { Prepared, ReloadPart } from "../config/parts.ts";
import type { ForwardBackend } from "../hooks/forward-backend.ts";
import type { HookSubject } from "../hooks/payload.ts";
import type { StreamEntry } from "./coordinator.ts";
import type { Demand, EdgeHost } from "./edge.ts";
import { extendPassage } from "./passage.ts";

const RTMP_PORT = 1935;
/** Failures of one forward are told at most once in this time. */
const TELL_MS = 30_000;

/** Who publishes a stream. */
export interface Publication extends Demand {
  readonly ip: string;
}

/** What a backend said about a publish. */
export interface ForwardAnswer {
  readonly backend: string;
  /** They may hold keys: never log them. */
  readonly urls: readonly string[];
}

/** What forwards are made with. */
export interface ForwardsHost extends EdgeHost {
  readonly backend: Pick<ForwardBackend, "ask">;
}

interface Forward {
  readonly id: number;
  readonly target: Omit<OriginTarget, "chunkSize">;
  /** As the log may show it. */
  readonly to: string;
  /** Its stream name where that may be a key, or ''. */
  readonly key: string;
  works: boolean;
  /** Failures that were not told since the last one that was. */
  untold: number;
  toldAt: number;
  /** The last word about it was a failure. */
  isToldLost: boolean;
}

interface ForwardedStream {
  readonly entry: StreamEntry;
  readonly vhost: string;
  readonly by: Publication;
  readonly shard: number;
  /** Who was asked last; '' for nobody. */
  backend: string;
  /** What was answered last. */
  urls: readonly string[] | null;
  /** By URL. */
  forwards: Map<string, Forward>;
}

/** All forwards of the host. */
export class Forwards implements ReloadPart {
  readonly #host: ForwardsHost;
  /** By stream id: all that are published at vhosts that are no edges. */
  readonly #streams = new Map<number, ForwardedStream>();
  readonly #answers = new WeakMap<StreamEntry, ForwardAnswer>();
  #nextId = 1;
  /** Attempts that are over, by what ended them, for metrics. */
  readonly faults: Map<AttemptFault, number> = new Map();
  /** Times that a slow destination missed frames, for metrics. */
  skips = 0;

  constructor(host: ForwardsHost) {
    this.#host = host;
    host.coordinator.observe({
      deserted: () => undefined,
      vacated: (entry) => this.#vacated(entry),
    });
  }

  /** How many there are, and how many of them take media. */
  get counts(): { readonly works: number; readonly waits: number } {
    const all = [...this.#streams.values()].flatMap(({ forwards }) => [...forwards.values()]);
    const { length: works } = all.filter((forward) => forward.works);
    return { works, waits: all.length - works };
  }

  /**
   * Asks where a stream is to go, before it is published, when there is so much time left for it. undefined: nobody is
   * asked. Rejects with RejectedError.
   */
  ask(subject: HookSubject, leftMs: number): Promise<ForwardAnswer> | undefined {
    const vhost = forwarding(this.#host.config(), subject.vhost);
    if (vhost === undefined || vhost.forward.backend === "") {
      return undefined;
    }
    const { backend } = vhost.forward;
    const question = { url: backend, config: vhost.hooks, leftMs };
    return this.#host.backend.ask(subject, question).then((urls) => ({ backend, urls }));
  }

  /** A publish got its name. @param answer Of {@link ask}. */
  admitted(entry: StreamEntry, answer: ForwardAnswer | undefined): void {
    if (answer === undefined) {
      this.#answers.delete(entry);
    } else {
      this.#answers.set(entry, answer);
    }
  }

  /** A publisher was placed: its stream is sent on. */
  publishes(entry: StreamEntry, { id, ip, request, path }: Publication, shard: number): void {
    if (entry.settings.upstream !== null) {
      return;
    }
    const { backend, urls } = this.#answers.get(entry) ?? { backend: "", urls: null };
    this.#answers.delete(entry);
    const by = { id, ip, request, path };
    const vhost = entry.key.slice(0, entry.key.indexOf("/"));
    const stream = { entry, vhost, by, shard, backend, urls, forwards: new Map() };
    this.#streams.set(entry.id, stream);
    this.#follow(stream, this.#host.config());
  }

  /** What a shard tells. */
  take({ streamId, id, event }: ForwardNews): void {
    const stream = this.#streams.get(streamId);
    const forward = [...(stream?.forwards.values() ?? [])].find((one) => one.id === id);
    if (stream === undefined || forward === undefined) {
      return;
    }
    switch (event.kind) {
      case "works":
        forward.works = true;
        if (forward.isToldLost || forward.toldAt === Number.NEGATIVE_INFINITY) {
          forward.isToldLost = false;
          this.#tell(stream, forward, "works");
        }
        break;
      case "lost":
        forward.works = false;
        this.faults.set(event.end.fault, (this.faults.get(event.end.fault) ?? 0) + 1);
        this.#lost(stream, forward, event.end);
        break;
      case "skipped":
        this.skips += event.times;
        break;
    }
  }

  /** The next publish of what it published begins anew. */
  shardDied(shard: number): void {
    for (const [streamId, stream] of this.#streams) {
      if (stream.shard === shard) {
        this.#streams.delete(streamId);
      }
    }
  }

  /** After streams have their settings. */
  prepare(next: Config): Prepared {
    const commit = (): void => {
      for (const stream of this.#streams.values()) {
        this.#follow(stream, next);
      }
    };
    return { commit, abort: () => undefined };
  }

  // --- inside ---

  /** Sends a stream where the configuration says. A backend that was not asked is; until it answers all stays. */
  #follow(stream: ForwardedStream, config: Config): void {
    const vhost = forwarding(config, stream.vhost);
    const backend = vhost?.forward.backend ?? "";
    if (vhost === undefined || backend === "") {
      stream.backend = "";
      stream.urls = null;
      this.#send(stream, vhost, vhost === undefined ? [] : this.#urlsOf(stream, vhost));
    } else if (stream.backend === backend) {
      this.#send(stream, vhost, stream.urls ?? [...stream.forwards.keys()]);
    } else {
      stream.backend = backend;
      void this.#askAgain(stream, vhost);
    }
  }

  async #askAgain(stream: ForwardedStream, { forward, hooks }: VhostConfig): Promise<void> {
    const { id: clientId, ip, request } = stream.by;
    const { tcUrl, pageUrl, app, stream: name, param } = request;
    const { vhost } = stream;
    const subject = { clientId, ip, vhost, app, stream: name, param, tcUrl, pageUrl };
    try {
      const urls = await this.#host.backend.ask(subject, {
        url: forward.backend,
        config: hooks,
        leftMs: HOOK_TIMEOUT_MS_MAX,
      });
      const isCurrent = this.#streams.get(stream.entry.id) === stream;
      if (isCurrent && stream.backend === forward.backend) {
        stream.urls = urls;
        this.#follow(stream, this.#host.config());
      }
    } catch (error) {
      if (!(error instanceof RejectedError)) {
        throw error;
      }
      const text = `forwards stay as they are, stream=${stream.entry.key}: ${error.message}`;
      this.#host.log.warn(clientId, text);
    }
  }

  #urlsOf({ by }: ForwardedStream, vhost: VhostConfig): string[] {
    const { host, app, stream, param } = by.request;
    return vhost.forward.destinations.map((to) =>
      encodeRtmpUrl({
        server: to.host,
        port: to.port === 0 ? RTMP_PORT : to.port,
        host,
        vhost: vhost.name,
        app,
        stream,
        param,
      }),
    );
  }

  /** Tells the shard where the stream goes to from now on, when that changes. */
  #send(stream: ForwardedStream, vhost: VhostConfig | undefined, urls: readonly string[]): void {
    const old = stream.forwards;
    const now = new Map<string, Forward>();
    for (const url of urls) {
      const known = old.get(url);
      const isSame = known?.target.tlsVerify === vhost?.cluster.tlsVerify;
      const forward = isSame ? known : this.#newForward(stream, url, vhost);
      if (forward !== undefined) {
        now.set(url, forward);
      }
    }
    const ended = [...old.values()].filter((one) => now.get(one.target.url) !== one);
    const begun = [...now.values()].filter((one) => old.get(one.target.url) !== one);
    if (ended.length === 0 && begun.length === 0) {
      return;
    }
    stream.forwards = now;
    for (const forward of ended) {
      this.#tell(stream, forward, "ends");
    }
    for (const forward of begun) {
      this.#tell(stream, forward, "begins");
    }
    this.#post(stream);
  }

  #post({ entry, shard, forwards }: ForwardedStream): void {
    const link = this.#host.shards[shard];
    const { chunkSize } = entry.settings;
    if (link?.isAlive === true) {
      link.post({
        kind: "forwards",
        streamId: entry.id,
        forwards: [...forwards.values()].map(({ id, target }) => ({
          id,
          target: { ...target, chunkSize },
        })),
      });
    }
  }

  /** @returns undefined when nobody could publish by that URL: a parameter may be too long with the vhost behind it. */
  #newForward(
    { by, entry }: ForwardedStream,
    url: string,
    vhost: VhostConfig | undefined,
  ): Forward | undefined {
    const parts = partsOf(url);
    if (parts === undefined) {
      this.#host.log.warn(by.id, `no forward, stream=${entry.key}: the URL is not allowed`);
      return undefined;
    }
    const { schema, host, port, app, stream } = parts;
    const { serverId, version, pid } = this.#host;
    const isSame = app === by.request.app && stream === by.request.stream;
    const identity = { server: "weir", version, pid, id: by.id };
    const name = host.includes(":") ? `[${host}]` : host;
    this.#nextId += 1;
    return {
      id: this.#nextId,
      target: {
        protocol: "rtmp",
        url,
        identity: vhost?.cluster.debugUpnode === true ? identity : null,
        tlsVerify: vhost?.cluster.tlsVerify ?? true,
        // Under another name it may come back to this server: a backend knows what it does.
        path: isSame ? extendPassage(by.path, serverId) : "",
      },
      // Where a backend sent it the stream's name may be a key.
      to: `${schema}://${name}:${port}/${app}`,
      key: stream === by.request.stream ? "" : stream,
      works: false,
      untold: 0,
      toldAt: Number.NEGATIVE_INFINITY,
      isToldLost: false,
    };
  }

  #lost(stream: ForwardedStream, forward: Forward, { fault, detail }: AttemptEnd): void {
    const now = this.#host.now();
    if (now - forward.toldAt < TELL_MS) {
      forward.untold += 1;
      return;
    }
    const more = forward.untold === 0 ? "" : `; ${forward.untold} more before`;
    forward.toldAt = now;
    forward.untold = 0;
    forward.isToldLost = true;
    const told = forward.key === "" ? detail : detail.replaceAll(forward.key, "***");
    this.#tell(stream, forward, `lost its destination: ${fault} (${told})${more}`);
  }

  #tell({ entry, by }: ForwardedStream, { to }: Forward, what: string): void {
    const line = `forward ${what}, stream=${entry.key}, to=${to}`;
    if (what.startsWith("lost")) {
      this.#host.log.warn(by.id, line);
    } else {
      this.#host.log.info(by.id, line);
    }
  }

  /** Nobody publishes the stream any more. */
  #vacated(entry: StreamEntry): void {
    this.#answers.delete(entry);
    const stream = this.#streams.get(entry.id);
    if (stream !== undefined) {
      this.#streams.delete(entry.id);
      if (stream.forwards.size > 0) {
        // What it has of a publish that never began is not for the next one.
        this.#post({ ...stream, forwards: new Map() });
      }
    }
  }
}

function partsOf(url: string): RtmpTarget | undefined {
  try {
    return parseRtmpUrl(url);
  } catch (error) {
    if (error instanceof RejectedError) {
      return undefined;
    }
    throw error;
  }
}

/** A vhost whose streams are sent on. Edges send on what is published there by other means. */
function forwarding(config: Config, name: string): VhostConfig | undefined {
  const vhost = config.vhosts.get(name);
  return vhost?.enabled === true && vhost.forward.enabled && !vhost.cluster.isEdge
    ? vhost
    : undefined;
}
