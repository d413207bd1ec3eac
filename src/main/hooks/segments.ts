/** What on_hls, on_hls_notify and on_dvr tell of a finished file. */
import type { HlsSegmentNews } from "../../protocol/control/hls.ts";
import type { HookSubject, ServerIds } from "./payload.ts";
import { streamFields } from "./payload.ts";

function isHttp(url: string): boolean {
  return url.startsWith("http://") || url.startsWith("https://");
}

/** The segment's URL: beside its playlist, unless it names another server. */
function urlOf({ uri, playlistPath }: HlsSegmentNews): string {
  const path = playlistPath.replace(/^\/+/, "");
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
  return isHttp(uri) || folder === "" ? uri : `${folder}/${uri}`;
}

/** The fields of on_hls beside the common ones. @param directory Where the server runs. */
export function segmentFields(
  subject: HookSubject,
  segment: HlsSegmentNews,
  { directory, streamId }: { readonly directory: string; readonly streamId: string },
): Record<string, string | number> {
  const { tcUrl, stream, param } = subject;
  return {
    tcUrl,
    stream,
    param,
    duration: segment.durationMs / 1000,
    cwd: directory,
    file: segment.file,
    url: urlOf(segment),
    m3u8: segment.playlistFile,
    m3u8_url: segment.playlistPath.replace(/^\/+/, ""),
    seq_no: segment.sequence,
    ...streamFields(subject, streamId),
  };
}

/** The fields of on_dvr beside the common ones. @param directory Where the server runs. */
export function recordingFields(
  subject: HookSubject,
  file: string,
  { directory, streamId }: { readonly directory: string; readonly streamId: string },
): Record<string, string | number> {
  const { tcUrl, stream, param } = subject;
  return { tcUrl, stream, param, cwd: directory, file, ...streamFields(subject, streamId) };
}

/**
 * The URL of on_hls_notify with its variables filled in; a segment on another server is asked for there. What is filled
 * in comes from a publisher and is not looked through for variables.
 */
export function notifyUrl(
  template: string,
  { serverId, serviceId }: ServerIds,
  { app, stream, param }: HookSubject,
  { uri }: HlsSegmentNews,
): string {
  const values: Readonly<Record<string, string>> = {
    server_id: serverId,
    service_id: serviceId,
    app,
    stream,
    ts_url: uri,
    param,
  };
  return (isHttp(uri) ? uri : template).replace(
    /\[([a-z_]+)\]/g,
    (whole: string, name: string) => values[name] ?? whole,
  );
}
