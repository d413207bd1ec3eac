/** Viewers by HTTP: which stream a request names, whether it may be watched, and its place in the directory. */

import { type Config, resolveVhost } from "../../protocol/conf/config.ts";
import { matchMount } from "../../protocol/conf/mount.ts";
import type { RemuxSettings, ViewerAnswer, ViewerQuestion } from "../../protocol/control/calls.ts";
import { RejectedError } from "../../protocol/errors.ts";
import { type StreamRequest, vhostOfHttp } from "../../protocol/rtmp/stream-url.ts";
import { decodePercent } from "../../protocol/rtmp/url-text.ts";
import type { Admission, AdmittedStream } from "../accept/admission.ts";
import { newConnectionId } from "../accept/connection-id.ts";
import { logRefusal } from "../accept/refusals.ts";
import { type Clients, NO_STREAMS } from "../coordinator/clients.ts";
import type { Coordinator } from "../coordinator/coordinator.ts";
import type { Edge } from "../coordinator/edge.ts";
import type { HookSession } from "../hooks/hook-session.ts";
import type { Hooks } from "../hooks/hooks.ts";
import type { Logger } from "../log/logger.ts";
import { monotonicMs } from "../monotonic.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import { resolveHttpRequest } from "./http-request.ts";
import { type RefusedViewer, refusedViewer } from "./refused-viewer.ts";
import { remuxOf } from "./remux.ts";

/** What viewers are admitted with. */
export interface ViewersHost {
  config(): Config;
  readonly admission: Admission;
  readonly coordinator: Coordinator;
  readonly clients: Clients;
  readonly edge: Edge;
  readonly hooks: Pick<Hooks, "open">;
  readonly log: Logger;
  /** Live table of the supervisor, gateways among them. */
  readonly shards: readonly (ShardLink | undefined)[];
  /** One was refused, for metrics. */
  refused(reason: string): void;
}

/** A request as a stream with its vhost's settings for HTTP. */
interface Target {
  readonly request: StreamRequest;
  readonly remux: RemuxSettings;
}

/** A viewer that gets its place. */
interface Admitted extends Target {
  readonly id: string;
  readonly ip: string;
  /** Servers that its request has passed. */
  readonly path: string;
  readonly stream: AdmittedStream;
  readonly hooks: HookSession | undefined;
}

const NO_BYTES = { sent: 0, received: 0 };
const NOT_MOUNTED: ViewerAnswer = { allowed: false, isMounted: false };

/** Admits viewers of gateways. */
export class Viewers {
  readonly #host: ViewersHost;
  /** Tells a row's viewer from the one before it, as inodes do for descriptors. */
  #serial = 0;

  constructor(host: ViewersHost) {
    this.#host = host;
  }

  /** Answers a gateway. A viewer that is admitted is counted until the gateway says `gone`. */
  async admit(gateway: ShardLink, question: ViewerQuestion): Promise<ViewerAnswer> {
    const id = newConnectionId();
    try {
      const target = this.#targetOf(question);
      if (target === null) {
        return NOT_MOUNTED;
      }
      return await this.#admit(gateway, question, { ...target, id });
    } catch (error) {
      if (!(error instanceof RejectedError)) {
        throw error;
      }
      await this.#host.admission.pause(error, question.ip);
      logRefusal(this.#host.log, id, error.code, `${error.message}, ip=${question.ip}`);
      return this.#refuse(error.code, refusedViewer(error, question));
    }
  }

  /** A stream has a new ring: gateways that keep its past for newcomers read it whether there are any or not. */
  ringOpened(streamId: number): void {
    const entry = this.#host.coordinator.findById(streamId);
    if (entry === undefined || entry.settings.keptForm === null) {
      return;
    }
    for (const link of this.#host.shards) {
      if (link?.role === "gateway" && link.isAlive) {
        this.#host.coordinator.announce(entry, link.index);
      }
    }
  }

  #refuse(reason: string, refused: RefusedViewer): ViewerAnswer {
    this.#host.refused(reason);
    return { allowed: false, isMounted: true, ...refused };
  }

  async #admit(
    gateway: ShardLink,
    { ip, passed }: ViewerQuestion,
    asking: Target & { readonly id: string },
  ): Promise<ViewerAnswer> {
    const { id, request } = asking;
    const { admission, edge } = this.#host;
    const path = edge.passage({ ip: "", pid: "", id: "", path: passed }, id);
    const { tcUrl, pageUrl, param } = request;
    const hooks = this.#host.hooks.open();
    const applicant = { id, ip, tcUrl, pageUrl, param, hooks };
    const stream = admission.play(request, applicant);
    const verdict = admission.elsewhere(request) ?? admission.mayPlay(stream, request, applicant);
    if (verdict !== undefined) {
      await verdict;
    }
    const refusal = admission.seats.refusalOf(stream.claim);
    if (refusal !== undefined) {
      hooks?.close(NO_BYTES);
      throw refusal;
    }
    const answer = this.#place(gateway, { ...asking, ip, path, stream, hooks });
    if (!answer.allowed) {
      hooks?.close(NO_BYTES);
    }
    return answer;
  }

  #place(gateway: ShardLink, admitted: Admitted): ViewerAnswer {
    const { admission, coordinator, clients, edge, log } = this.#host;
    const { ip, request, remux, id, path, stream: named, hooks } = admitted;
    const { key } = named;
    const settings = admission.current(named);
    // The question may have taken its time: a gateway that died meanwhile has been swept.
    const row = gateway.isAlive ? gateway.allocateRow() : -1;
    if (row < 0) {
      const refused = { status: 503, description: "Too many viewers", location: null };
      return this.#refuse("no_room", refused);
    }
    gateway.board.clear(row);
    this.#serial += 1;
    gateway.board.inode[row] = this.#serial;
    gateway.board.descriptor[row] = -1;
    const entry = coordinator.enter(key, settings);
    coordinator.announce(entry, gateway.index);
    const seat = admission.seats.take(named.claim);
    const share = coordinator.addPlayer(entry, gateway.index, seat);
    gateway.board.play[row] = share.play;
    clients.add({
      id,
      ip,
      path,
      type: "flv-play",
      shard: gateway.index,
      row,
      request: clients.sharedRequest(entry, request),
      hooks,
      since: monotonicMs(),
      published: NO_STREAMS,
      plays: [share],
    });
    edge.wanted(entry, { id, request, path, isHttp: true });
    const { vhost, app, stream } = request;
    const where = `vhost=${vhost}, app=${app}, stream=${stream}`;
    log.info(id, `flv-play, ${where}, ip=${ip}, ${gateway.name}`);
    const { id: streamId, knownBy } = entry;
    const announcement = knownBy.get(gateway.index) ?? 0;
    return { allowed: true, row, streamId, key, settings, announcement, remux };
  }

  /**
   * @returns null where no vhost serves the path, or the request names two: one's rules and callbacks would be asked, and
   * it would be remuxed as by the other. @throws RejectedError for names that no stream can have
   */
  #targetOf(question: ViewerQuestion): Target | null {
    const { path, host, query } = question;
    const config = this.#host.config();
    const decoded = decodePercent(path);
    const vhost = resolveVhost(config, vhostOfHttp(host, query));
    if (vhost === undefined || decoded === undefined) {
      return null;
    }
    const remux = remuxOf(vhost);
    const named = matchMount(vhost.httpRemux.mount, decoded);
    if (remux === null || named === null) {
      return null;
    }
    const request = resolveHttpRequest(question, {
      ...named,
      query,
      tcBase: `rtmp://${vhost.name}`,
    });
    return resolveVhost(config, request.vhost) === vhost ? { request, remux } : null;
  }
}
