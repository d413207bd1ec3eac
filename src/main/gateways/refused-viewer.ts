/** What viewers by HTTP are refused with. */
import type { ViewerQuestion } from "../../protocol/control/calls.ts";
import type { RejectedError } from "../../protocol/errors.ts";

/** Statuses of refusals that are no ban. */
const STATUSES: Readonly<Record<string, number | undefined>> = {
  ERR_STREAM_NOT_FOUND: 404,
  ERR_EDGE_LOOP: 508,
  ERR_MEMORY: 503,
  redirect: 302,
  // The client has too much already, or the server has.
  ERR_LIMIT_TOKEN: 429,
  ERR_LIMIT_ADDRESS: 429,
  ERR_LIMIT_STREAM: 503,
  ERR_LIMIT_PLAYERS: 503,
};
const FORBIDDEN = 403;

/** An answer that is no stream. */
export interface RefusedViewer {
  /** HTTP status. */
  readonly status: number;
  readonly description: string;
  /** Where to go instead; null: nowhere. */
  readonly location: string | null;
}

/** The answer to a viewer for what a client of RTMP gets as this error. */
export function refusedViewer(
  { code, message: description, redirect }: RejectedError,
  question: ViewerQuestion,
): RefusedViewer {
  const location = redirect === undefined ? null : elsewhere(redirect.url, question);
  return { status: STATUSES[code] ?? FORBIDDEN, description, location };
}

/**
 * The same request at another origin of a mesh, whose HTTP port is taken to be this one's. A vhost that was named by the
 * host is named in the query from now on, as by RTMP.
 */
function elsewhere(url: string, { host, path, query, isSecure }: ViewerQuestion): string {
  const { hostname, searchParams } = new URL(url);
  const port = /:\d+$/.exec(host)?.[0] ?? "";
  const vhost = new URLSearchParams(query).has("vhost") ? null : searchParams.get("vhost");
  const pairs = [query, vhost === null ? "" : `vhost=${encodeURIComponent(vhost)}`];
  const parameters = pairs.filter((part) => part !== "").join("&");
  const target = `${isSecure ? "https" : "http"}://${hostname}${port}${path}`;
  return parameters === "" ? target : `${target}?${parameters}`;
}
