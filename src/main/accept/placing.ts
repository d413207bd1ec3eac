/** The way out of the lobby: an admitted newcomer gets a shard, a row and, to publish, a ring; then it is handed over. */
import type { RejectedError } from "../../protocol/errors.ts";
import type { PublishStyle } from "../../protocol/rtmp/server-session.ts";
import { type Client, NO_STREAMS } from "../coordinator/clients.ts";
import type { StreamEntry } from "../coordinator/coordinator.ts";
import { monotonicMs } from "../monotonic.ts";
import type { AdmittedStream } from "./admission.ts";
import { type Arrival, handOff } from "./hand-off.ts";
import type { LobbyHost } from "./lobby-host.ts";
import { noRoom } from "./refusals.ts";

/** What came of it. */
export const Placed = {
  Given: 0,
  /** The connection was closed meanwhile. */
  Closed: 1,
} as const;
/** One of these, or why there is no place: then the connection is as it was. */
export type Placed = (typeof Placed)[keyof typeof Placed] | RejectedError;

/** Hands a publisher over. The name that it has taken is given back unless it is {@link Placed.Given}. */
export function placePublisher(
  host: LobbyHost,
  arrival: Arrival,
  entry: StreamEntry,
  style: PublishStyle,
): Placed {
  const { coordinator, admission, shards } = host;
  const index = coordinator.placePublisher(entry.key);
  const shard = shards[index];
  const row = shard?.allocateRow() ?? -1;
  const lease = row < 0 ? null : coordinator.lendFirstRing(index, entry.settings);
  const released = lease === null ? undefined : arrival.socket.release();
  if (shard === undefined || lease === null || released === undefined) {
    if (lease !== null) {
      coordinator.releaseRing(index, lease.ringId);
    }
    if (row >= 0) {
      shard?.releaseRow(row);
    }
    admission.abandon(entry);
    return arrival.socket.isOpen ? noRoom("NetStream.Publish.Failed") : Placed.Closed;
  }
  coordinator.announce(entry, index);
  host.edge.publishes(entry, arrival);
  host.forwards.publishes(entry, arrival, index);
  const publish = { lease, previous: entry.previous };
  handOff(shard, arrival, { row, released, streamId: entry.id, publish, play: 0 });
  entry.publisher = { shard: index, row };
  register(host, arrival, {
    type: style,
    shard: index,
    row,
    published: new Set([entry]),
    plays: [],
  });
  return Placed.Given;
}

/** Hands a player over. */
export function placePlayer(host: LobbyHost, arrival: Arrival, stream: AdmittedStream): Placed {
  const { coordinator, admission, shards } = host;
  const refusal = admission.seats.refusalOf(stream.claim);
  if (refusal !== undefined) {
    return refusal;
  }
  const entry = coordinator.enter(stream.key, admission.current(stream));
  const index = coordinator.placePlayer(entry);
  const shard = shards[index];
  const row = shard?.allocateRow() ?? -1;
  const released = row < 0 ? undefined : arrival.socket.release();
  if (shard === undefined || released === undefined) {
    if (row >= 0) {
      shard?.releaseRow(row);
    }
    coordinator.prune(entry);
    return arrival.socket.isOpen ? noRoom("NetStream.Play.Failed") : Placed.Closed;
  }
  coordinator.announce(entry, index);
  // The shard sends the replies itself, with everything else that a new player gets.
  arrival.session.acceptPlay(arrival.messageStream, arrival.sink, true);
  const share = coordinator.addPlayer(entry, index, admission.seats.take(stream.claim));
  const place = { row, released, streamId: entry.id, publish: null, play: share.play };
  handOff(shard, arrival, place);
  host.edge.wanted(entry, arrival);
  register(host, arrival, {
    type: "rtmp-play",
    shard: index,
    row,
    published: NO_STREAMS,
    plays: [share],
  });
  return Placed.Given;
}

function register(
  host: LobbyHost,
  { id, ip, request: asked, path, hooks }: Arrival,
  {
    type,
    shard,
    row,
    published,
    plays,
  }: Pick<Client, "type" | "shard" | "row" | "published" | "plays">,
): void {
  // Field by field: a spread is several times slower, and every join passes here.
  const since = monotonicMs();
  const entry = plays[0]?.entry;
  const request = entry === undefined ? asked : host.clients.sharedRequest(entry, asked);
  host.clients.add({ id, ip, request, path, hooks, since, type, shard, row, published, plays });
  const { vhost, app, stream } = request;
  host.log.info(
    id,
    `${type}, vhost=${vhost}, app=${app}, stream=${stream}, ip=${ip}, shard=${shard}`,
  );
}
