/** Who publishes a stream, for news about it: also when the publisher has left before its last segment was finished. */
import type { Clients } from "../coordinator/clients.ts";
import { type Coordinator, isPull } from "../coordinator/coordinator.ts";
import type { HookSubject } from "./payload.ts";

/** What is asked. */
export interface PublishersHost {
  readonly coordinator: Coordinator;
  readonly clients: Clients;
}

/** Publishers that are remembered; the oldest is forgotten. */
const REMEMBERED_MAX = 1000;

/** Publishers by stream. */
export class Publishers {
  readonly #host: PublishersHost;
  readonly #last = new Map<string, HookSubject>();

  constructor(host: PublishersHost) {
    this.#host = host;
  }

  /** A stream that is pulled, or whose publisher is forgotten, has one without a name. @param key `vhost/app/stream` */
  of(key: string): HookSubject {
    const now = this.#current(key);
    if (now === undefined) {
      return this.#last.get(key) ?? nobody(key);
    }
    this.#last.delete(key);
    if (this.#last.size >= REMEMBERED_MAX) {
      const [oldest] = this.#last.keys();
      this.#last.delete(oldest ?? "");
    }
    this.#last.set(key, now);
    return now;
  }

  #current(key: string): HookSubject | undefined {
    const place = this.#host.coordinator.find(key)?.publisher ?? null;
    const client =
      place === null || isPull(place) ? undefined : this.#host.clients.find(place.shard, place.row);
    if (client === undefined) {
      return undefined;
    }
    const { tcUrl, pageUrl, param } = client.request;
    return { ...nobody(key), clientId: client.id, ip: client.ip, tcUrl, pageUrl, param };
  }
}

function nobody(key: string): HookSubject {
  const [first, last] = [key.indexOf("/"), key.lastIndexOf("/")];
  const [vhost, app] = [key.slice(0, first), key.slice(first + 1, last)];
  const stream = key.slice(last + 1);
  return { clientId: "", ip: "", vhost, app, stream, param: "", tcUrl: "", pageUrl: "" };
}
