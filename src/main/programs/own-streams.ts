/** Which stream of this very server a URL names: what a program publishes here must not start it again. */
import { hostname, networkInterfaces } from "node:os";
import { type Config, resolveVhost } from "../../protocol/conf/config.ts";
import { RejectedError } from "../../protocol/errors.ts";
import {
  resolveStreamRequest,
  type StreamRequest,
  streamKey,
} from "../../protocol/rtmp/stream-url.ts";

/** Of `rtmp://host/app`, cut at its slashes. */
const APP_SEGMENTS = 4;

/** Key of the stream, `vhost/app/stream`; '' when it is another server's, or no RTMP. */
export function ownStreamOf(url: string, config: Config): string {
  const request = requestOf(url);
  if (request === undefined || !config.listen.some(({ port }) => port === request.port)) {
    return "";
  }
  const vhost = resolveVhost(config, request.vhost);
  const isHere = isOwnHost(request.host);
  return vhost === undefined || !isHere ? "" : streamKey({ ...request, vhost: vhost.name });
}

/** App and stream that a URL names, for names of files. */
export function streamOf(url: string): { readonly app: string; readonly stream: string } {
  const { app = "", stream = "" } = requestOf(url) ?? {};
  return { app, stream };
}

/** The stream is the last segment, and the query stands after it, or before it as SRS writes URLs. */
function requestOf(url: string): StreamRequest | undefined {
  if (!url.startsWith("rtmp://")) {
    return undefined;
  }
  const path = url.split(/[?#]/, 1)[0] ?? "";
  const isInPath = path.split("/").length > APP_SEGMENTS;
  const [first, second] = [path.lastIndexOf("/"), url.lastIndexOf("/")];
  return isInPath ? (cutAt(url, first) ?? cutAt(url, second)) : cutAt(url, second);
}

function cutAt(url: string, slash: number): StreamRequest | undefined {
  try {
    return resolveStreamRequest({ tcUrl: url.slice(0, slash), stream: url.slice(slash + 1) });
  } catch (error) {
    if (error instanceof RejectedError) {
      return undefined;
    }
    throw error;
  }
}

function isOwnHost(host: string): boolean {
  if (host === "localhost" || host === hostname().toLowerCase() || /^127\./.test(host)) {
    return true;
  }
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === host),
  );
}
