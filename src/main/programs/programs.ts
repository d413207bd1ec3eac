/**
 * Programs that run while something is so (SRS: exec, ingest, transcode): while a stream is published, or while the
 * server runs. Decides what should run; a {@link Keeper} keeps it running, in a process of its own that starts programs.
 */
import type { Config } from "../../protocol/conf/config.ts";
import type { Prepared, ReloadPart } from "../config/parts.ts";
import type { Clients } from "../coordinator/clients.ts";
import {
  type Coordinator,
  isPull,
  type PublishObserver,
  type StreamEntry,
} from "../coordinator/coordinator.ts";
import type { Logger } from "../log/logger.ts";
import { after, monotonicMs } from "../monotonic.ts";
import { type Plan, PROGRAM_KINDS } from "./command.ts";
import { Keeper } from "./keeper.ts";
import { LauncherLink } from "./launcher-link.ts";
import { execPlans, ingestPlans, type PublishedStream, transcodePlans } from "./plans.ts";

/** What programs are run by. */
export interface ProgramsHost {
  readonly config: Config;
  readonly coordinator: Pick<Coordinator, "observePublishers" | "streams">;
  readonly clients: Pick<Clients, "find">;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
}

/** A stream with what runs for it. */
interface Publication {
  readonly stream: PublishedStream;
  /** Made by a program here: it is not encoded again. */
  readonly isOutput: boolean;
  ids: ReadonlySet<string>;
}

/** All programs of a server. */
export class Programs implements ReloadPart, PublishObserver {
  readonly keeper: Keeper;
  readonly #host: ProgramsHost;
  readonly #launcher: LauncherLink;
  readonly #published = new Map<string, Publication>();
  #config: Config;
  #ingests: ReadonlySet<string> = new Set();
  #told = "";
  #isNeeded = false;

  constructor(host: ProgramsHost) {
    this.#host = host;
    this.#config = host.config;
    const { log, environment } = host;
    this.#launcher = new LauncherLink({
      environment,
      secretVariables: () => this.#config.secretVariables,
      log,
      started: (run, pid) => this.keeper.started(run, pid),
      unlogged: (run, text) => this.keeper.unlogged(run, text),
      ended: (run, end) => this.keeper.ended(run, end),
    });
    this.keeper = new Keeper({
      launcher: this.#launcher,
      log,
      max: () => this.#config.limits.programsMax,
      now: monotonicMs,
      unixMs: Date.now,
      after,
    });
    host.coordinator.observePublishers(this);
    this.#apply(host.config);
  }

  prepare(next: Config): Prepared {
    return { commit: () => this.#apply(next), abort: () => undefined };
  }

  /** The server stops gracefully: nobody is fed any more (SRS: ingesters stop first). */
  drain(): void {
    this.#ingests = this.#replace(this.#ingests, []);
  }

  /** Ends all programs. Resolves when they have ended, within bounds. */
  async close(): Promise<void> {
    this.#published.clear();
    await this.keeper.close();
    await this.#launcher.close();
  }

  // --- PublishObserver ---

  began(entry: StreamEntry): void {
    // Another ring of the same publisher is no news.
    if (this.#isNeeded && !this.#published.has(entry.key)) {
      const stream = this.#streamOf(entry);
      const publication: Publication = {
        stream,
        isOutput: this.keeper.publishes(entry.key),
        ids: new Set(),
      };
      this.#published.set(entry.key, publication);
      this.#applyTo(publication);
    }
  }

  ended({ key }: StreamEntry): void {
    const publication = this.#published.get(key);
    if (publication !== undefined) {
      this.#published.delete(key);
      this.#replace(publication.ids, []);
    }
  }

  // --- inside ---

  #apply(config: Config): void {
    this.#config = config;
    const { coordinator, log } = this.#host;
    const text = describe(config);
    this.#isNeeded = text !== "";
    if (text !== this.#told) {
      this.#told = text;
      // Who may run programs on this host is to be seen in the log.
      log.info(
        "programs",
        this.#isNeeded ? `vhosts run programs: ${text}` : "no vhost runs programs any more",
      );
    }
    if (this.#isNeeded) {
      this.#launcher.open();
      for (const entry of coordinator.streams) {
        if (entry.ringId !== null && entry.publisher !== null && !isPull(entry.publisher)) {
          this.began(entry);
        }
      }
    }
    this.#ingests = this.#replace(this.#ingests, ingestPlans(config));
    for (const publication of this.#published.values()) {
      this.#applyTo(publication);
    }
    this.keeper.look();
  }

  #applyTo(publication: Publication): void {
    const { stream } = publication;
    const plans = [...execPlans(this.#config, stream), ...this.#encoders(publication)];
    publication.ids = this.#replace(publication.ids, plans);
  }

  /** Without those that would encode in a circle, or publish what is published. */
  #encoders({ stream, isOutput }: Publication): Plan[] {
    const plans = transcodePlans(this.#config, stream);
    if (plans.length > 0 && isOutput) {
      this.#skip(stream.key, "it is made by a program here, so it is not encoded again");
      return [];
    }
    const outputs = new Set([stream.key]);
    return plans.filter(({ id, output }) => {
      const isTaken = output !== "" && (outputs.has(output) || this.keeper.publishes(output, id));
      if (isTaken) {
        this.#skip(id, `${output} is published already, so it is not encoded to`);
      } else {
        outputs.add(output);
      }
      return !isTaken;
    });
  }

  #skip(id: string, why: string): void {
    this.#host.log.info("programs", `${id}: ${why}`);
  }

  /** What should run instead of others. @returns their ids. */
  #replace(before: ReadonlySet<string>, plans: readonly Plan[]): ReadonlySet<string> {
    const ids = new Set<string>();
    const wanted: Plan[] = [];
    for (const plan of plans) {
      // Two blocks may have one name.
      let { id } = plan;
      for (let count = 2; ids.has(id); count += 1) {
        id = `${plan.id} #${count}`;
      }
      ids.add(id);
      wanted.push({ ...plan, id });
    }
    for (const id of before) {
      if (!ids.has(id)) {
        this.keeper.leave(id);
      }
    }
    for (const plan of wanted) {
      this.keeper.want(plan);
    }
    return ids;
  }

  #streamOf({ key, publisher }: StreamEntry): PublishedStream {
    const [first, last] = [key.indexOf("/"), key.lastIndexOf("/")];
    const [vhost, app] = [key.slice(0, first), key.slice(first + 1, last)];
    const stream = key.slice(last + 1);
    const client =
      publisher === null ? undefined : this.#host.clients.find(publisher.shard, publisher.row);
    const request = client?.request;
    // A connection that publishes several streams is known by what it asked for first.
    const isSame = request?.app === app && request.stream === stream;
    const { tcUrl = "", swfUrl = "", pageUrl = "", port = 0 } = request ?? {};
    const param = isSame ? request.param : "";
    return { key, vhost, app, stream, param, tcUrl, swfUrl, pageUrl, port };
  }
}

/** Vhosts by what they run. */
function describe(config: Config): string {
  const parts = PROGRAM_KINDS.map((kind) => {
    const names = [...config.vhosts.values()]
      .filter(({ enabled, programs: { exec, ingests, transcodes } }) => {
        const isOn = {
          exec: exec.isEnabled && exec.publish.length > 0,
          ingest: ingests.some(({ isEnabled }) => isEnabled),
          transcode: transcodes.some(({ isEnabled, ffmpeg }) => isEnabled && ffmpeg.file !== ""),
        };
        return enabled && isOn[kind];
      })
      .map(({ name }) => name);
    return names.length === 0 ? "" : `${kind} in ${names.join(", ")}`;
  });
  return parts.filter((part) => part !== "").join("; ");
}
