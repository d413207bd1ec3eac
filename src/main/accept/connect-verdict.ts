/** Who decides about a `connect` beside the rules: with `token_traverse` the origin, then the callback. */
import type { VhostConfig } from "../../protocol/conf/config.ts";
import type { ConnectRequest } from "../../protocol/rtmp/server-session.ts";
import type { HookSession } from "../hooks/hook-session.ts";
import { askOrigins } from "./origin-check.ts";

/** Who connects. */
export interface Connecting {
  readonly id: string;
  readonly ip: string;
  readonly request: ConnectRequest;
  /** That serves it. */
  readonly vhost: VhostConfig;
  /** undefined where there are no callbacks. */
  readonly hooks: HookSession | undefined;
  /** An origin that was reached answers within this. */
  readonly answerMs: number;
}

/** undefined when nobody is asked. Rejects with RejectedError when somebody refuses. */
export function connectVerdict(connecting: Connecting): Promise<void> | undefined {
  const { request, vhost, answerMs } = connecting;
  const { cluster } = vhost;
  return cluster.isEdge && cluster.tokenTraverse
    ? askOrigins(request, cluster, answerMs).then(() => askCallback(connecting))
    : askCallback(connecting);
}

function askCallback({ id, ip, request, vhost, hooks }: Connecting): Promise<void> | undefined {
  const { app, stream, param, tcUrl, pageUrl } = request;
  const subject = { clientId: id, ip, vhost: vhost.name, app, stream, param, tcUrl, pageUrl };
  return hooks?.connect(subject);
}
