/** Tells other origins of a mesh whether a stream is live here (`origin_cluster`). */
import { type Config, resolveVhost } from "../../protocol/conf/config.ts";
import { addressOf, isLoopback } from "../../protocol/conf/endpoint.ts";
import { streamKey } from "../../protocol/rtmp/stream-url.ts";
import { type Coordinator, isPull } from "../coordinator/coordinator.ts";
import type { Route } from "./route.ts";
import { shape } from "./schema.ts";
import { CLUSTER } from "./shapes.ts";

const RTMP_PORT = 1935;
const API_PORT = 1985;

/** What is looked at. */
export interface ClusterRouteHost {
  readonly config: () => Config;
  readonly coordinator: Coordinator;
}

/** The endpoint. */
export function clusterRoute({ config, coordinator }: ClusterRouteHost): Route {
  return {
    path: "/api/v1/clusters",
    methods: ["GET", "POST"],
    about: "Where a stream is, when it is published here.",
    parameters: ["vhost", "ip", "app", "stream", "coworker"],
    fields: shape({ data: CLUSTER }),
    answer: ({ query }) => {
      const text = (name: string): string => query.get(name) ?? "";
      const [ip, vhost, app, stream] = ["ip", "vhost", "app", "stream"].map(text);
      const asked = { vhost: vhost ?? "", app: app ?? "", stream: stream ?? "" };
      const name = resolveVhost(config(), asked.vhost)?.name ?? "";
      const publisher = coordinator.find(streamKey({ ...asked, vhost: name }))?.publisher ?? null;
      const isHere = publisher !== null && !isPull(publisher);
      const origin = isHere ? originOf(config(), asked.vhost, text("coworker"), ip ?? "") : null;
      return { data: { query: { ip: ip ?? "", ...asked }, origin } };
    },
  };
}

/** Under the name by which the asker knows this server, unless one address alone is listened on. */
function originOf(config: Config, vhost: string, coworker: string, asked: string): object {
  const { host = "", port = RTMP_PORT } = config.listen[0] ?? {};
  const known = coworker.replace(/:\d+$/, "");
  const isAlone = host !== "" && !isLoopback({ host });
  const ip = (isAlone ? host : known || asked) || "127.0.0.1";
  const [endpoint = { host: "", port: API_PORT }] = config.httpApi.listen;
  const api = addressOf(endpoint.host === "" ? { ...endpoint, host: ip } : endpoint);
  return { ip, port, vhost, api, routers: [api] };
}
