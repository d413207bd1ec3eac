/** What the web console shows beyond SRS's API: threads, upstreams, the last hour, and the settings in force. */
import type { VhostConfig } from "../../protocol/conf/config.ts";
import { decodeConfig } from "../../protocol/conf/config.ts";
import { addressOf } from "../../protocol/conf/endpoint.ts";
import { mountFormat } from "../../protocol/conf/mount.ts";
import { listShown, type Settings } from "../../protocol/conf/reload-plan.ts";
import { Counter } from "../../protocol/control/board.ts";
import { maskSecrets } from "../log/secrets.ts";
import type { Server } from "../server.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import type { FanOutTimes } from "./fan-out-times.ts";
import { HISTORY_COLUMNS, type History } from "./history.ts";
import { idOf } from "./ids.ts";
import { READ, type Route } from "./route.ts";
import { COUNT, FLAG, listOf, NUMBER, orNull, shape, TEXT } from "./schema.ts";

/** What is told about. */
export interface ConsoleRoutesHost {
  readonly server: Server;
  readonly history: History;
  readonly fanOut: FanOutTimes;
  /** weir's own. */
  readonly version: string;
  /** undefined while the server starts. */
  readonly reloader: () => { readonly settings: Settings } | undefined;
}

const THREAD = shape({
  name: TEXT,
  up: FLAG,
  players: COUNT,
  publishers: COUNT,
  utilisation: NUMBER,
  delay_ms: NUMBER,
  stretch: NUMBER,
  skips: COUNT,
  stalls: COUNT,
});
const FAN_OUT = shape({ turns: COUNT, p50_ms: NUMBER, p99_ms: NUMBER, p999_ms: NUMBER });
const ORIGIN = shape({ address: TEXT, open: FLAG, failures: COUNT });
const PLACE = shape({ id: TEXT, name: TEXT, mount: orNull(TEXT), hls: orNull(TEXT) });
const SETTING = shape({ place: TEXT, value: TEXT, fallback: orNull(TEXT), effect: TEXT });

/** All of them. */
export function consoleRoutes(host: ConsoleRoutesHost): Route[] {
  return [
    {
      path: "/api/v1/console",
      methods: READ,
      about: "weir: threads, upstreams, and where streams are watched, for the web console.",
      fields: shape({
        data: shape({
          version: TEXT,
          uptime_ms: COUNT,
          rtmp_port: COUNT,
          http_ports: listOf(COUNT),
          https_ports: listOf(COUNT),
          may_reload: FLAG,
          pulls: COUNT,
          attempts: COUNT,
          fan_out: FAN_OUT,
          threads: listOf(THREAD),
          origins: listOf(ORIGIN),
          vhosts: listOf(PLACE),
        }),
      }),
      answer: () => ({ data: overview(host) }),
    },
    {
      path: "/api/v1/console/history",
      methods: READ,
      about: "weir: the last hour, one row every ten seconds.",
      fields: shape({ data: shape({ columns: listOf(TEXT), rows: listOf(listOf(NUMBER)) }) }),
      answer: () => ({ data: { columns: HISTORY_COLUMNS, rows: host.history.rows() } }),
    },
    {
      path: "/api/v1/console/settings",
      methods: READ,
      about: "weir: the settings in force without their secrets; null unless `raw_api` is enabled.",
      fields: shape({ settings: orNull(listOf(SETTING)) }),
      answer: () => ({ settings: settingsOf(host) }),
    },
  ];
}

function overview({ server, version, fanOut }: ConsoleRoutesHost): object {
  const { config, supervisor, edge } = server;
  const { rawApi } = config.httpApi;
  const { enabled, listen, https } = config.httpServer;
  const { turns, p50, p99, p999 } = fanOut.quantiles();
  return {
    version,
    uptime_ms: Math.round(process.uptime() * 1000),
    rtmp_port: config.listen[0]?.port ?? 0,
    http_ports: enabled ? listen.map(({ port }) => port) : [],
    https_ports: enabled && https.enabled ? https.listen.map(({ port }) => port) : [],
    may_reload: rawApi.enabled && rawApi.allowReload,
    pulls: edge.pulls,
    attempts: edge.attempts,
    fan_out: { turns, p50_ms: p50, p99_ms: p99, p999_ms: p999 },
    threads: supervisor.links.filter((link) => link !== undefined).map(threadOf),
    origins: [...edge.pool.states()].map(({ address, isOpen, failures }) => ({
      address: writeAddress(address),
      open: isOpen,
      failures,
    })),
    vhosts: [...config.vhosts.values()].filter(({ enabled }) => enabled).map(placeOf),
  };
}

function threadOf({ name, isAlive, board }: ShardLink): object {
  const of = (counter: number): number => board.counters[counter] ?? 0;
  return {
    name,
    up: isAlive,
    players: of(Counter.Players),
    publishers: of(Counter.Publishers),
    utilisation: of(Counter.Utilisation),
    delay_ms: of(Counter.LoopDelay),
    stretch: of(Counter.MergeStretch),
    skips: of(Counter.Skips),
    stalls: of(Counter.Stalls),
  };
}

/** Templates of the paths at which a vhost's streams are watched. */
function placeOf({ name, httpRemux, hls }: VhostConfig): object {
  const { enabled, mount } = httpRemux;
  const isServed = enabled && mountFormat(mount) !== null;
  const playlist = `/${hls.playlistFile.replace(/^(\.?\/)+/, "").replaceAll("[vhost]", () => name)}`;
  return {
    id: idOf(name),
    name,
    mount: isServed ? mount : null,
    hls: hls.enabled ? playlist : null,
  };
}

/** The pool's names are host and port with a blank between. */
function writeAddress(address: string): string {
  const [host = "", port = ""] = address.split(" ");
  return port === "" ? host : addressOf({ host, port: Number(port) });
}

/** SRS lets nobody read the configuration unless it is told to. */
function settingsOf({ server, reloader }: ConsoleRoutesHost): object[] | null {
  const settings = reloader()?.settings;
  if (!server.config.httpApi.rawApi.enabled || settings === undefined) {
    return null;
  }
  usual ??= usualValues();
  const fallbackOf = usual;
  return listShown(settings).map(({ place, path, value, effect }) => ({
    place,
    value: maskSecrets(value),
    fallback: fallbackOf.get(path) ?? null,
    effect,
  }));
}

/** The same for ever, and some milliseconds of work. */
let usual: ReadonlyMap<string, string> | undefined;

/** By path: what counts where nothing is written. */
function usualValues(): Map<string, string> {
  const options = { include: () => "", environment: {} };
  const { settings } = decodeConfig("listen 1935; vhost __defaultVhost__ {}", "", options);
  return new Map([...settings.values()].map(({ path, value }) => [path, value]));
}
