/** The URLs at which a stream is watched, out of what the server says of its vhost. */
import type { Overview, StreamAnswer, VhostPlace } from "../api/answers.ts";

const DEFAULT_VHOST = "__defaultVhost__";
const RTMP_PORT = 1935;

/** Ways to watch a stream here. */
export type WatchKind = "flv" | "ws" | "hls";

/** One way to watch it. */
export interface WatchUrl {
  readonly label: string;
  readonly url: string;
  /** null: not in a browser. */
  readonly kind: WatchKind | null;
}

/** All of them, the best one for a browser first. */
export function watchUrls(stream: StreamAnswer, overview: Overview): WatchUrl[] {
  const place = overview.vhosts.find(({ id }) => id === stream.vhost);
  const vhost = place?.name ?? DEFAULT_VHOST;
  const query = vhost === DEFAULT_VHOST ? "" : `?vhost=${encodeURIComponent(vhost)}`;
  const host = httpHost(overview);
  const http = place === undefined || host === null ? [] : httpUrls(stream, place, host);
  const path = `${segments(stream.app)}/${encodeURIComponent(stream.name)}`;
  const rtmpPort = overview.rtmp_port === RTMP_PORT ? "" : `:${overview.rtmp_port}`;
  const rtmp = `rtmp://${location.hostname}${rtmpPort}/${path}`;
  const urls: WatchUrl[] = [...http, { label: "RTMP", url: rtmp, kind: null }];
  return urls.map((one) => ({ ...one, url: `${one.url}${query}` }));
}

/** Where streams are. What a page that came by TLS plays must come by TLS too, if need be from the proxy before weir. */
function httpHost({ http_ports, https_ports }: Overview): string | null {
  const [port] = isSecure() ? https_ports : http_ports;
  if (port === undefined && isSecure()) {
    return location.host;
  }
  return port === undefined ? null : `${location.hostname}:${port}`;
}

function isSecure(): boolean {
  return location.protocol === "https:";
}

function httpUrls(stream: StreamAnswer, { mount, hls }: VhostPlace, host: string): WatchUrl[] {
  const s = isSecure() ? "s" : "";
  const urls: WatchUrl[] = [];
  const path = mount === null ? null : filled(mount, stream);
  if (path?.endsWith(".flv") === true) {
    urls.push({ label: "HTTP-FLV", url: `http${s}://${host}${path}`, kind: "flv" });
    urls.push({ label: "WS-FLV", url: `ws${s}://${host}${path}`, kind: "ws" });
  } else if (path !== null) {
    urls.push({ label: "HTTP", url: `http${s}://${host}${path}`, kind: null });
  }
  if (hls !== null) {
    urls.push({ label: "HLS", url: `http${s}://${host}${filled(hls, stream)}`, kind: "hls" });
  }
  return urls;
}

/** The path that a template makes of a stream; the vhost is told apart by the request. */
function filled(template: string, { app, name }: StreamAnswer): string {
  const path = template
    .replace(/^\[vhost\]/, "")
    .replaceAll("[app]", () => segments(app))
    .replaceAll("[stream]", () => encodeURIComponent(name));
  return path.startsWith("/") ? path : `/${path}`;
}

/** An app may have several parts. */
function segments(app: string): string {
  return app.split("/").map(encodeURIComponent).join("/");
}
