/** Which stream a request for a playlist names. */
import { type Config, resolveVhost, type VhostConfig } from "../../protocol/conf/config.ts";
import { matchMount } from "../../protocol/conf/mount.ts";
import type { HlsQuestion } from "../../protocol/control/calls.ts";
import { type StreamRequest, vhostOfHttp } from "../../protocol/rtmp/stream-url.ts";
import { decodePercent, withoutPairs } from "../../protocol/rtmp/url-text.ts";
import { resolveHttpRequest } from "./http-request.ts";

/** A stream, and the vhost whose HLS it is. */
export interface HlsTarget {
  readonly request: StreamRequest;
  readonly vhost: VhostConfig;
}

/**
 * @returns null where no vhost makes HLS under the path, or the request names two: one's rules would be asked, and the
 * other's sessions and callbacks. @throws RejectedError for names that no stream can have
 */
export function hlsTargetOf(config: Config, question: HlsQuestion): HlsTarget | null {
  const { path, host } = question;
  const decoded = decodePercent(path);
  const name = vhostOfHttp(host, question.query);
  const vhost = resolveVhost(config, name);
  if (decoded === undefined || vhost?.hls.enabled !== true) {
    return null;
  }
  const template = vhost.hls.playlistFile.replace(/^(\.?\/)+/, "");
  const named = matchMount(template.replaceAll("[vhost]", vhost.name), decoded);
  if (named === null) {
    return null;
  }
  // The session is no part of what the viewer asks for.
  const query = withoutPairs(question.query, "hls_ctx").slice(1);
  const request = resolveHttpRequest(question, { ...named, query, tcHost: name });
  return resolveVhost(config, request.vhost) === vhost ? { request, vhost } : null;
}
