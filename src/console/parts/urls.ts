/** The URLs at which a stream is watched, out of what the server says of its vhost. */
import type { Overview, StreamAnswer } from "../api/answers.ts";

const DEFAULT_VHOST = "__defaultVhost__";

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
  const [port] = overview.http_ports;
  const vhost = place?.name ?? DEFAULT_VHOST;
  const query = vhost === DEFAULT_VHOST ? "" : `?vhost=${encodeURIComponent(vhost)}`;
  const { hostname } = location;
  const urls: WatchUrl[] = [];
  if (place !== undefined && port !== undefined) {
    const flv = filled(place.mount, stream);
    const hls = filled(place.hls, stream);
    const base = `//${hostname}:${port}`;
    const isFlv = flv?.endsWith(".flv") === true;
    if (flv !== null) {
      urls.push({
        label: isFlv ? "HTTP-FLV" : "HTTP",
        url: `http:${base}${flv}${query}`,
        kind: isFlv ? "flv" : null,
      });
    }
    if (flv !== null && isFlv) {
      urls.push({ label: "WS-FLV", url: `ws:${base}${flv}${query}`, kind: "ws" });
    }
    if (hls !== null) {
      urls.push({ label: "HLS", url: `http:${base}${hls}${query}`, kind: "hls" });
    }
  }
  const path = `${segment(stream.app)}/${encodeURIComponent(stream.name)}`;
  const rtmpPort = overview.rtmp_port === 1935 ? "" : `:${overview.rtmp_port}`;
  urls.push({ label: "RTMP", url: `rtmp://${hostname}${rtmpPort}/${path}${query}`, kind: null });
  return urls;
}

/** The path that a template makes of a stream; the vhost is told apart by the request. */
function filled(template: string | null, { app, name }: StreamAnswer): string | null {
  if (template === null) {
    return null;
  }
  const path = template
    .replace(/^\[vhost\]/, "")
    .replaceAll("[app]", () => segment(app))
    .replaceAll("[stream]", () => encodeURIComponent(name));
  return path.startsWith("/") ? path : `/${path}`;
}

/** An app may have several parts. */
function segment(app: string): string {
  return app.split("/").map(encodeURIComponent).join("/");
}
