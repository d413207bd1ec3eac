/**
 * Whether an edge follows a redirect. An origin may send it to another origin of the list, to an allowed host, or to an
 * address of its own kind; never to addresses that only this host or its own network segment can reach from outside.
 */
import type { OriginAddress } from "../../protocol/conf/endpoint.ts";

/** Redirects followed one after the other. */
export const REDIRECT_HOPS_MAX = 3;

/** How far away an address is. */
type Reach = "name" | "public" | "private" | "loopback" | "never";

/** Where an origin sends an edge. */
export interface RedirectQuestion {
  readonly host: string;
  /** The origin that says so. */
  readonly from: string;
  readonly origins: readonly OriginAddress[];
  /** Hosts, or `*.name`. */
  readonly allowed: readonly string[];
}

/** True when it may be followed. */
export function mayFollow({ host, from, origins, allowed }: RedirectQuestion): boolean {
  const reach = reachOf(host);
  const isListed = origins.some((origin) => origin.host === host) || isAllowed(host, allowed);
  if (isListed) {
    return true;
  }
  if (reach === "never" || reach === "name") {
    return false;
  }
  return reach === "public" || reach === reachOf(from);
}

function isAllowed(host: string, allowed: readonly string[]): boolean {
  return allowed.some((pattern) => {
    const name = pattern.toLowerCase();
    return name.startsWith("*.") ? host.endsWith(name.slice(1)) : host === name;
  });
}

function reachOf(host: string): Reach {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(host);
  const v4 = /^(\d{1,3})\.(\d{1,3})\.\d{1,3}\.\d{1,3}$/.exec(mapped?.[1] ?? host);
  if (v4 !== null) {
    return reachOfV4(Number(v4[1]), Number(v4[2]));
  }
  if (host.includes(":")) {
    return reachOfV6(host);
  }
  // A resolver takes 0x7f.1, 2130706433 and the like for addresses.
  return host === "localhost" || /^(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+))*$/.test(host)
    ? "never"
    : "name";
}

function reachOfV4(first: number, second: number): Reach {
  if (first === 127) {
    return "loopback";
  }
  const isShared = first === 100 && second >= 64 && second < 128;
  const isPrivate =
    first === 10 ||
    (first === 172 && second >= 16 && second < 32) ||
    (first === 192 && second === 168) ||
    isShared;
  if (isPrivate) {
    return "private";
  }
  const isLinkLocal = first === 169 && second === 254;
  return first === 0 || first >= 224 || isLinkLocal ? "never" : "public";
}

function reachOfV6(host: string): Reach {
  if (host === "::1") {
    return "loopback";
  }
  if (/^f[cd]/.test(host)) {
    return "private";
  }
  // Only global unicast is public; what is mapped or translated from IPv4 was looked at before or is not followed.
  return /^[23]/.test(host) && !host.startsWith("2002:") ? "public" : "never";
}
