/** Vhosts, streams and clients of the whole server, whatever thread they are on. */
import { API_PAGE_MAX } from "../../protocol/limits.ts";
import type { Client, Clients } from "../coordinator/clients.ts";
import type { Logger } from "../log/logger.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import { ApiCode, ApiError } from "./api-error.ts";
import type { Books } from "./books.ts";
import { idOf } from "./ids.ts";
import type { Listing } from "./listing.ts";
import { READ, type Route, type RouteRequest } from "./route.ts";
import { COUNT, listOf, shape } from "./schema.ts";
import { CLIENT, STREAM, VHOST } from "./shapes.ts";

/** SRS gives so many at the least, whatever is asked for. */
const PAGE_DEFAULT = 10;
/** Entries made in one turn of the loop. */
const ENTRIES_PER_TURN = 500;

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
  return [vhostsRoute(host), vhostRoute(host), ...streamRoutes(host), ...clientRoutes(host)];
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

function streamRoutes({ listing, books }: ListRoutesHost): Route[] {
  return [
    {
      path: "/api/v1/streams",
      methods: READ,
      about: "Streams by pages, oldest first; those that ended stay for half a minute.",
      parameters: ["start", "count", "vhost"],
      fields: shape({ streams: listOf(STREAM), total: COUNT }),
      answer: ({ query }) => {
        const vhost = query.get("vhost");
        const all = [...books.streams.all()].filter(
          (stream) => vhost === null || vhost === stream.vhost || vhost === idOf(stream.vhost),
        );
        const { start, count } = pageOf(query);
        const streams = listing.streams(all.slice(start, start + count), books.sums());
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
        const [stream] = listing.streams([record], books.sums());
        return { stream };
      },
    },
  ];
}

function clientRoutes(host: ListRoutesHost): Route[] {
  const { listing, clients } = host;
  return [
    {
      path: "/api/v1/clients",
      methods: READ,
      about: "Clients by pages, by thread and age.",
      parameters: ["start", "count"],
      fields: shape({ clients: listOf(CLIENT), total: COUNT }),
      answer: async ({ query }) => {
        const page = clientsOf(clients, pageOf(query));
        const listed: object[] = [];
        for (let at = 0; at < page.length; at += ENTRIES_PER_TURN) {
          if (at > 0) {
            // Media waits for nobody's listing.
            await new Promise<void>((resolve) => setImmediate(resolve));
          }
          const part = page.slice(at, at + ENTRIES_PER_TURN);
          listed.push(...part.map((client) => listing.client(client)));
        }
        return { clients: listed, total: clients.size };
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
          : { client: listing.client(client) };
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

function clientsOf(clients: Clients, { start, count }: Page): Client[] {
  const page: Client[] = [];
  let at = 0;
  for (const client of clients) {
    if (at >= start + count) {
      break;
    }
    if (at >= start) {
      page.push(client);
    }
    at += 1;
  }
  return page;
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
