/** What of one publishing connection an edge sends on to an origin: each stream by itself. */
import type { UpstreamSettings } from "../../protocol/control/upstream.ts";
import type { NewStream } from "../stream/live-streams.ts";
import type { EdgePush, EdgePushSink } from "../upstream/edge-push.ts";
import type { Upstreams } from "../upstream/upstreams.ts";

/** What pushes ask of their shard. */
export interface PushesHost {
  readonly upstreams: Upstreams;
  /** A lease that is not used. */
  ringReleased(ringId: number): void;
}

interface Push {
  readonly push: EdgePush;
  /** Gives the ring back when the publish never began. */
  dropLease(): void;
}

/** The pushes of a connection by message stream. */
export class Pushes {
  readonly #host: PushesHost;
  readonly #byStream = new Map<number, Push>();

  constructor(host: PushesHost) {
    this.#host = host;
  }

  /** How many there are. */
  get count(): number {
    return this.#byStream.size;
  }

  /** Sends a publish on; the client waits until `accepted`. */
  open(
    messageStream: number,
    what: NewStream & { readonly upstream: UpstreamSettings },
    sink: EdgePushSink,
  ): void {
    let isUnused = true;
    const dropLease = (): void => {
      if (isUnused) {
        isUnused = false;
        this.#host.ringReleased(what.lease.ringId);
      }
    };
    const push = this.#host.upstreams.push(what, what.upstream, {
      accepted: () => {
        isUnused = false;
        sink.accepted();
      },
      refused: (status, description) => {
        dropLease();
        sink.refused(status, description);
      },
      lost: (detail) => sink.lost(detail),
    });
    this.#byStream.set(messageStream, { push, dropLease });
  }

  /** The publish is over. */
  close(messageStream: number): void {
    const push = this.#byStream.get(messageStream);
    if (push !== undefined) {
      this.#byStream.delete(messageStream);
      this.#host.upstreams.endPush(push.push);
      push.dropLease();
    }
  }

  /** The connection is over. */
  closeAll(): void {
    for (const messageStream of [...this.#byStream.keys()]) {
      this.close(messageStream);
    }
  }
}
