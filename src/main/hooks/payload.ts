/** What callbacks carry: SRS's fields, in SRS's order. */
import type { CalledAction, HookAction } from "../../protocol/conf/hooks.ts";
import { streamUrlOf } from "../../protocol/rtmp/stream-url.ts";

/** Who a callback is about, and what it wants. */
export interface HookSubject {
  readonly clientId: string;
  readonly ip: string;
  /** Of the vhost that serves it. */
  readonly vhost: string;
  readonly app: string;
  readonly stream: string;
  /** With its question mark, or ''. */
  readonly param: string;
  readonly tcUrl: string;
  readonly pageUrl: string;
}

/** Bytes of a connection. */
export interface HookBytes {
  readonly sent: number;
  readonly received: number;
}

/** Names of this server. */
export interface ServerIds {
  readonly serverId: string;
  /** Of this run. */
  readonly serviceId: string;
}

type Fields = Record<string, string | number>;

/** The fields that every callback has. */
export function commonFields(ids: ServerIds, action: CalledAction, subject: HookSubject): Fields {
  return {
    server_id: ids.serverId,
    service_id: ids.serviceId,
    action,
    client_id: subject.clientId,
    ip: subject.ip,
    vhost: subject.vhost,
    app: subject.app,
  };
}

/** Those that name a stream after all others. */
export function streamFields({ vhost, app, stream }: HookSubject, streamId: string): Fields {
  return { stream_url: streamUrlOf(vhost, app, stream), stream_id: streamId };
}

/** What an action adds to the common fields. @param streamId The API's id of the stream. */
export function actionFields(
  action: HookAction,
  subject: HookSubject,
  { streamId, bytes }: { readonly streamId: string; readonly bytes: HookBytes },
): Fields {
  const { tcUrl, stream, param, pageUrl } = subject;
  if (action === "on_connect") {
    return { stream, param, tcUrl, pageUrl };
  }
  if (action === "on_close") {
    return { send_bytes: bytes.sent, recv_bytes: bytes.received };
  }
  const page = action === "on_play" ? { pageUrl } : {};
  return { tcUrl, stream, param, ...page, ...streamFields(subject, streamId) };
}
