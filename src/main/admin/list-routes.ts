/** Vhosts, streams and clients of the whole server, whatever thread they are on. */
import { API_PAGE_MAX } from "../../protocol/limits.ts";
import type { Client, Clients } from "../coordinator/clients.ts";
import type { Logger } from "../log/logger.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import { ApiCode, ApiError } from "./api-error.ts";
import type { Books } from "./books.ts";
import { ListWriter } from "./json-list.ts";
import type { Listing } from "./listing.ts";
import { READ, type Route, type RouteRequest } from "./route.ts";
import { COUNT, listOf, shape } from "./schema.ts";
import { CLIENT, STREAM, VHOST } from "./shapes.ts";
import { isListed } from "./stream-records.ts";

/** SRS gives so many at the least, whatever is asked for. */
const PAGE_DEFAULT = 10;

/** What is listed. */
export interface ListRoutesHost {
  readonly listing: Listing;
  readonly books: Books;
  readonly clients: Clients;
  readonly shards: readonly (ShardLink | undefined)[];
  readonly log: Logger;
}

/** All of them. */
export function listRoutes(host: ListRoutesHost): Route[] {
  const writer = new ListWriter();
  return [
    vhostsRoute(host),
    vhostRoute(host),
    ...streamRoutes(host, writer),
    ...clientRoutes(host, writer),
  ];
}

function vhostsRoute({ listing, books }: ListRoutesHost): Route {
  return {
    path: "/api/v1/vhosts",
    methods: READ,
    about: "All vhosts.",
    fields: shape({ vhosts: listOf(VHOST) }),
    answer: () => ({ vhosts: listing.vhosts(books.sums()) }),
  };
}

function vhostRoute({ listing, books }: ListRoutesHost): Route {
  return {
    path: "/api/v1/vhosts/{id}",
    methods: READ,
    about: "One vhost.",
    fields: shape({ vhost: VHOST }),
    answer: ({ id }) => {
      const vhost = listing.vhosts(books.sums()).find((one) => Reflect.get(one, "id") === id);
      if (vhost === undefined) {
        throw new ApiError(ApiCode.VhostNotFound);
      }
      return { vhost };
    },
  };
}

function streamRoutes({ listing, books }: ListRoutesHost, writer: ListWriter): Route[] {
  return [
    {
      path: "/api/v1/streams",
      methods: READ,
      about: "Streams by pages, oldest first; those that were published stay for half a minute.",
      parameters: ["start", "count", "vhost"],
      fields: shape({ streams: listOf(STREAM), total: COUNT }),
      answer: async ({ query }) => {
        const vhost = query.get("vhost");
        const all = [...books.streams.all()].filter(
          (stream) =>
            isListed(stream) &&
            (vhost === null || vhost === stream.vhost || vhost === stream.vhostId),
        );
        const { start, count } = pageOf(query);
        const tell = listing.streamTeller(books.sums());
        const streams = await writer.write(all.slice(start, start + count), tell);
        return { streams, total: all.length };
      },
    },
    {
      path: "/api/v1/streams/{id}",
      methods: READ,
      about: "One stream.",
      fields: shape({ stream: STREAM }),
      answer: ({ id }) => {
        const record = books.streams.byId(id);
        if (record === undefined) {
          throw new ApiError(ApiCode.StreamNotFound);
        }
        return { stream: listing.streamTeller(books.sums())(record) };
      },
    },
  ];
}

function clientRoutes(host: ListRoutesHost, writer: ListWriter): Route[] {
  const { listing, clients } = host;
  return [
    {
      path: "/api/v1/clients",
      methods: READ,
      about: "Clients by pages, by thread and age.",
      parameters: ["start", "count"],
      fields: shape({ clients: listOf(CLIENT), total: COUNT }),
      answer: async ({ query }) => {
        const { start, count } = pageOf(query);
        const total = clients.size;
        const page = clients.page(start, count);
        return { clients: await writer.write(page, listing.clientTeller()), total };
      },
    },
    {
      path: "/api/v1/clients/{id}",
      methods: ["GET", "DELETE"],
      about: "One client; DELETE ends its connection.",
      fields: shape({ "client?": CLIENT }),
      answer: (request) => {
        const client = listing.findClient(request.id);
        if (client === undefined) {
          throw new ApiError(ApiCode.ClientNotFound);
        }
        return request.method === "DELETE"
          ? kick(host, client, request)
          : { client: listing.clientTeller()(client) };
      },
    },
  ];
}

/** Ends a client's connection. One that hangs with its thread is ended by the thread's replacement. */
async function kick(
  { shards, log }: ListRoutesHost,
  client: Client,
  { who }: RouteRequest,
): Promise<object> {
  log.info(client.id, `kicked by ${who}`);
  const isEnded = await shards[client.shard]?.kick(client.row, "kicked");
  if (isEnded !== true) {
    throw new ApiError(ApiCode.ClientNotFound);
  }
  return {};
}

interface Page {
  readonly start: number;
  readonly count: number;
}

/** As SRS reads them: what is no number is 0, and there is a least count. */
function pageOf(query: URLSearchParams): Page {
  const number = (name: string): number => {
    const digits = /^\s*(-?\d{1,15})/.exec(query.get(name) ?? "")?.[1] ?? "0";
    return Number(digits);
  };
  return {
    start: Math.max(0, number("start")),
    count: Math.min(API_PAGE_MAX, Math.max(PAGE_DEFAULT, number("count"))),
  };
}
