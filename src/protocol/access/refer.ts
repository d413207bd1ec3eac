/**
 * `refer {}`: the pages whose players and publishers are served, by the host of the page URL that the client tells.
 * Spec: SRS compatibility §1B "refer". A client can tell what it likes: this keeps others' pages out, not attackers.
 */

/** The page hosts of one vhost. Empty lists let everybody in. */
export interface ReferConfig {
  readonly enabled: boolean;
  /**
   * Off, as in SRS: the first place of the text in the host must be its end, so `example.com` lets `badexample.com` in.
   * On: the host itself or a name below it, whatever the case.
   */
  readonly isExact: boolean;
  /** Asked at connect. */
  readonly all: readonly string[];
  readonly publish: readonly string[];
  readonly play: readonly string[];
}

/** Whether a client on `pageUrl` ('' when it tells none) passes the list; one without page passes only an empty list. */
export function checkRefer(
  refer: ReferConfig,
  list: "all" | "publish" | "play",
  pageUrl: string,
): boolean {
  const hosts = refer[list];
  if (!refer.enabled || hosts.length === 0) {
    return true;
  }
  if (refer.isExact) {
    const host = exactHostOf(pageUrl);
    return hosts.some((allowed) => isHostOrBelow(host, allowed.toLowerCase().replace(/^\.+/, "")));
  }
  const host = looseHostOf(pageUrl);
  return hosts.some((allowed) => isFirstAtEnd(host, allowed));
}

/** The way SRS cuts it: what stands between `://` and the next `/` or `:`. */
function looseHostOf(pageUrl: string): string {
  const scheme = pageUrl.indexOf("://");
  const rest = scheme < 0 ? pageUrl : pageUrl.slice(scheme + 3);
  return rest.split("/", 1)[0]?.split(":", 1)[0] ?? "";
}

function isFirstAtEnd(host: string, allowed: string): boolean {
  const at = host.indexOf(allowed);
  return host !== "" && at >= 0 && at === host.length - allowed.length;
}

/** The host of the authority (RFC 3986 §3.2): no user, port, query or final dot; lower case. */
function exactHostOf(pageUrl: string): string {
  const scheme = pageUrl.indexOf("://");
  const rest = scheme < 0 ? pageUrl : pageUrl.slice(scheme + 3);
  const authority = rest.split(/[/?#\\]/, 1)[0] ?? "";
  const host = authority.slice(authority.lastIndexOf("@") + 1).toLowerCase();
  const bracket = host.startsWith("[") ? host.indexOf("]") : -1;
  return bracket > 0 ? host.slice(1, bracket) : (host.split(":", 1)[0] ?? "").replace(/\.$/, "");
}

function isHostOrBelow(host: string, allowed: string): boolean {
  return allowed !== "" && (host === allowed || host.endsWith(`.${allowed}`));
}
