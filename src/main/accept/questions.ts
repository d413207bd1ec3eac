/** What sessions ask after their hand-off: to publish or play once more, and that a play ended. */
import type { AdmissionAnswer, RowQuestion } from "../../protocol/control/calls.ts";
import { RejectedError } from "../../protocol/errors.ts";
import { addPublished, type Client, type Clients } from "../coordinator/clients.ts";
import type { Coordinator, StreamEntry } from "../coordinator/coordinator.ts";
import type { Edge } from "../coordinator/edge.ts";
import type { Forwards, Publication } from "../coordinator/forwards.ts";
import type { Logger } from "../log/logger.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import type { Admission, Applicant } from "./admission.ts";
import { logRefusal } from "./refusals.ts";

/** A thread's news is this many turns of the loop behind its questions at the most. */
const NEWS_TURNS_MAX = 100;

/** What questions are answered with. */
export interface QuestionsHost {
  readonly admission: Admission;
  readonly coordinator: Coordinator;
  readonly clients: Clients;
  readonly edge: Edge;
  readonly forwards: Forwards;
  readonly log: Logger;
  /** One was refused, for metrics. */
  refused(reason: string): void;
}

/** Answers. */
export class Questions {
  readonly #host: QuestionsHost;

  constructor(host: QuestionsHost) {
    this.#host = host;
  }

  /** A session that asks again after hand-off: the same rules, on the shard where it is. */
  async admit(shard: ShardLink, question: RowQuestion): Promise<AdmissionAnswer> {
    const client = this.#host.clients.find(shard.index, question.row);
    // The row may have been given to somebody else since it asked.
    if (client === undefined || shard.board.inode[question.row] !== question.inode) {
      return refusal("NetStream.Failed", "Unknown session.");
    }
    try {
      return question.action === "publish"
        ? await this.#admitPublish(shard, client, question)
        : await this.#admitPlay(shard, client, question);
    } catch (error) {
      if (!(error instanceof RejectedError)) {
        throw error;
      }
      await this.#host.admission.pause(error, client.ip);
      logRefusal(this.#host.log, client.id, error.code, `${error.message} (${error.status})`);
      this.#host.refused(error.code);
      return refusal(error.status, error.message);
    }
  }

  async #admitPublish(
    shard: ShardLink,
    client: Client,
    question: RowQuestion,
  ): Promise<AdmissionAnswer> {
    const { stream } = question;
    await this.#settled(client);
    const entry = await this.#host.admission.publish(stream, applicantOf(client, question));
    // It may have left, or died with its shard, while the name was made free.
    const isHere = this.#host.clients.find(shard.index, client.row) === client;
    const { coordinator } = this.#host;
    const lease = isHere ? coordinator.lendFirstRing(shard.index, entry.settings) : null;
    if (lease === null) {
      this.#host.admission.abandon(entry);
      client.hooks?.end("publish", entry.key);
      this.#host.refused("no_room");
      return refusal("NetStream.Publish.Failed", "The server has no room.");
    }
    entry.publisher = { shard: shard.index, row: client.row };
    addPublished(client, entry);
    this.#host.coordinator.announce(entry, shard.index);
    const publication = demandOf(client, question);
    this.#host.edge.publishes(entry, publication);
    this.#host.forwards.publishes(entry, publication, shard.index);
    this.#host.log.info(client.id, `publishes again, stream=${entry.key}`);
    return { allowed: true, ...described(entry, shard), lease, play: 0 };
  }

  /**
   * What a client has ended is told beside its questions, and may come after them: it would be in its own way. Waits for
   * that news, a few turns of the loop at the most.
   */
  async #settled(client: Client): Promise<void> {
    const { coordinator } = this.#host;
    const isLate = (): boolean => [...client.published].some((entry) => coordinator.isOver(entry));
    for (let turn = 0; turn < NEWS_TURNS_MAX && isLate(); turn += 1) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  async #admitPlay(
    shard: ShardLink,
    client: Client,
    question: RowQuestion,
  ): Promise<AdmissionAnswer> {
    const { admission } = this.#host;
    const applicant = applicantOf(client, question);
    const admitted = admission.play(question.stream, applicant);
    const verdict = admission.mayPlay(admitted, question.stream, applicant);
    if (verdict !== undefined) {
      await verdict;
      if (this.#host.clients.find(shard.index, client.row) !== client) {
        return refusal("NetStream.Failed", "Unknown session.");
      }
    }
    const full = admission.seats.refusalOf(admitted.claim);
    if (full !== undefined) {
      client.hooks?.end("play", admitted.key);
      throw full;
    }
    const entry = this.#host.coordinator.enter(admitted.key, admission.current(admitted));
    // The stream's ring is news of its own, as for any other player.
    this.#host.coordinator.announce(entry, shard.index);
    const seat = admission.seats.take(admitted.claim);
    const share = this.#host.coordinator.addPlayer(entry, shard.index, seat);
    client.plays = [...client.plays, share];
    this.#host.edge.wanted(entry, demandOf(client, question));
    this.#host.log.info(client.id, `plays again, stream=${entry.key}`);
    return { allowed: true, ...described(entry, shard), lease: null, play: share.play };
  }

  /** A play ended and its connection stays. */
  playEnded(shard: ShardLink, row: number, play: number): void {
    const client = this.#host.clients.find(shard.index, row);
    const share = client?.plays.find((one) => one.play === play);
    if (client !== undefined && share !== undefined) {
      client.plays = client.plays.filter((one) => one !== share);
      client.hooks?.end("play", share.entry.key);
      this.#host.coordinator.removePlayer(share);
    }
  }
}

/** What a client asks for again, as its first request. */
function demandOf({ id, ip, path, request }: Client, { stream, param }: RowQuestion): Publication {
  return { id, ip, path, request: { ...request, ...stream, param } };
}

function applicantOf({ id, ip, request, hooks }: Client, { param }: RowQuestion): Applicant {
  const { pageUrl, tcUrl } = request;
  return { id, ip, pageUrl, tcUrl, param, hooks };
}

function refusal(status: string, description: string): AdmissionAnswer {
  return { allowed: false, status, description };
}

function described(
  { id: streamId, key, settings, previous, knownBy }: StreamEntry,
  shard: ShardLink,
): Pick<StreamEntry, "key" | "settings" | "previous"> & {
  streamId: number;
  announcement: number;
} {
  return { streamId, key, settings, previous, announcement: knownBy.get(shard.index) ?? 0 };
}
