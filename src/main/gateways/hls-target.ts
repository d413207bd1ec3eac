/** Which stream a request for a playlist names. */
import { type Config, resolveVhost, type VhostConfig } from "../../protocol/conf/config.ts";
import { matchMount } from "../../protocol/conf/mount.ts";
import type { HlsQuestion } from "../../protocol/control/calls.ts";
import { resolveStreamRequest, type StreamRequest } from "../../protocol/rtmp/stream-url.ts";
import { decodePercent } from "../../protocol/rtmp/url-text.ts";

/** A stream, and the vhost whose HLS it is. */
export interface HlsTarget {
  readonly request: StreamRequest;
  readonly vhost: VhostConfig;
}

/**
 * @returns null where no vhost makes HLS under the path, or the request names two: one's rules would be asked, and the
 * other's sessions and callbacks. @throws RejectedError for names that no stream can have
 */
export function hlsTargetOf(
  config: Config,
  { path, host, query, isSecure, referer }: HlsQuestion,
): HlsTarget | null {
  const decoded = decodePercent(path);
  const parameters = new URLSearchParams(query);
  const name = parameters.get("vhost") ?? host.replace(/:\d+$/, "");
  const vhost = resolveVhost(config, name.toLowerCase());
  if (decoded === undefined || vhost?.hls.enabled !== true) {
    return null;
  }
  const template = vhost.hls.playlistFile.replace(/^(\.?\/)+/, "");
  const named = matchMount(template.replaceAll("[vhost]", vhost.name), decoded);
  if (named === null) {
    return null;
  }
  // The session is no part of what the viewer asks for.
  parameters.delete("hls_ctx");
  const rest = query === "" ? "" : parameters.toString();
  const request = resolveStreamRequest({
    tcUrl: `${isSecure ? "https" : "http"}://${host}/${named.app}`,
    stream: rest === "" ? named.stream : `${named.stream}?${rest}`,
    pageUrl: referer,
  });
  return resolveVhost(config, request.vhost) === vhost ? { request, vhost } : null;
}
