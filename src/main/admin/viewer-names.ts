/** How the API names viewers by HTTP, as SRS does; their callbacks tell the stream. */
import { type Config, resolveVhost } from "../../protocol/conf/config.ts";
import { DEFAULT_VHOST } from "../../protocol/rtmp/stream-url.ts";
import type { Client } from "../coordinator/clients.ts";
import type { StreamRecord } from "./stream-records.ts";

/** Where a client says that it is: of viewers by HTTP `http://HOST/APP`, whatever way they came. */
export function tcUrlOf({ type, request }: Client, { vhost, app }: Named): string {
  if (type !== "flv-play") {
    return request.tcUrl;
  }
  const host = request.host.includes(":") ? `[${request.host}]` : request.host;
  return `http://${vhost === DEFAULT_VHOST ? host : vhost}/${app}`;
}

/** What a client asked for: of viewers by HTTP the name of a file. */
export function nameOf({ type }: Client, { vhost, app, name }: Named, config: Config): string {
  const settings = resolveVhost(config, vhost);
  if (settings === undefined || !(type === "flv-play" || type === "hls-play")) {
    return name;
  }
  const path = type === "flv-play" ? settings.httpRemux.mount : settings.hls.playlistFile;
  const file = path.slice(path.lastIndexOf("/") + 1);
  return file.replaceAll("[app]", () => app).replaceAll("[stream]", () => name);
}

type Named = Pick<StreamRecord, "vhost" | "app" | "name">;
