/**
 * Who may publish where nothing is configured: everybody, as in SRS. That is told, with what is open and what closes it;
 * nothing is refused.
 */
import { checkRefer } from "../../protocol/access/refer.ts";
import { checkSecurity } from "../../protocol/access/security.ts";
import type { Config, ListenEndpoint, VhostConfig } from "../../protocol/conf/config.ts";
import { addressOf, isLoopback } from "../../protocol/conf/endpoint.ts";
import { shortList } from "./short-list.ts";

/** Addresses that no machine has (RFC 5737, RFC 3849): whoever is let in with these is let in from anywhere. */
const STRANGER_V4 = "192.0.2.1";
const STRANGER_V6 = "2001:db8::1";

/**
 * One line when anybody may publish from another machine; undefined when nobody may whom nothing asks. It names all that
 * is open, so that it changes when that does.
 */
export function openPublishWarning(config: Config): string | undefined {
  const addresses = [...config.listen, ...(config.rtmps.enabled ? config.rtmps.listen : [])];
  const open = addresses.filter((address) => !isLoopback(address));
  const strangers = [...new Set(open.flatMap(strangersOf))];
  const vhosts = [...config.vhosts.values()].filter((vhost) => isOpen(vhost, strangers));
  if (vhosts.length === 0) {
    return undefined;
  }
  const where = shortList(open.map(addressOf));
  const names = shortList(vhosts.map(({ name }) => name));
  return (
    `anybody may publish from other machines: RTMP listens on ${where}, and of a publisher nothing is asked in vhost ${names}; ` +
    'set on_publish of http_hooks, token or "security { enabled on; allow publish ADDRESS; }" there, or listen on 127.0.0.1'
  );
}

/** Families of addresses that reach it from elsewhere. */
function strangersOf({ host }: ListenEndpoint): string[] {
  if (host === "" || host === "::") {
    return [STRANGER_V4, STRANGER_V6];
  }
  return [host.includes(":") ? STRANGER_V6 : STRANGER_V4];
}

/** Some of these may publish there, without a word to anybody. An edge sends it on: its origin sees the edge. */
function isOpen(vhost: VhostConfig, strangers: readonly string[]): boolean {
  const { enabled, hooks, token, refer, cluster, security } = vhost;
  const isAsked = hooks.enabled && [...hooks.urls.on_connect, ...hooks.urls.on_publish].length > 0;
  const isSigned = token.enabled && token.publish;
  const isTraversed = cluster.isEdge && cluster.tokenTraverse;
  const isReferred = !(checkRefer(refer, "all", "") && checkRefer(refer, "publish", ""));
  const mayPublish = strangers.some((ip) => checkSecurity(security, "publish", ip) === undefined);
  return enabled && mayPublish && !(isAsked || isSigned || isTraversed || isReferred);
}
