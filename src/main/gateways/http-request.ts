/** A viewer's HTTP request as the stream it asks for. */
import type { ViewerQuestion } from "../../protocol/control/calls.ts";
import { resolveStreamRequest, type StreamRequest } from "../../protocol/rtmp/stream-url.ts";

/** What the path says, and who says where it is. */
export interface HttpPlace {
  readonly app: string;
  readonly stream: string;
  /** Of the request, without the question mark, or what of it is the stream's. */
  readonly query: string;
  /** Stands for the server in `tcUrl`. */
  readonly tcHost: string;
}

/**
 * The stream, with the `tcUrl` that SRS tells of viewers by HTTP: `rtmp://VHOST/APP`, whatever way they came.
 * @throws RejectedError for names that no stream can have
 */
export function resolveHttpRequest(
  { host, isSecure, referer }: Pick<ViewerQuestion, "host" | "isSecure" | "referer">,
  { app, stream, query, tcHost }: HttpPlace,
): StreamRequest {
  const request = resolveStreamRequest({
    // The host that was reached is what an edge guesses a vhost by.
    tcUrl: `${isSecure ? "https" : "http"}://${host}/${app}`,
    stream: query === "" ? stream : `${stream}?${query}`,
    pageUrl: referer,
  });
  return { ...request, tcUrl: `rtmp://${tcHost}/${app}` };
}
