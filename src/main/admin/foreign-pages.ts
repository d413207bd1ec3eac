/**
 * Pages of other hosts, in whose name a browser asks while nobody behind it means to. Programs are no pages: they send
 * neither `Origin` nor `Sec-Fetch-Site`. Spec: Fetch §3.2, Fetch Metadata §2.4; reliability E-45 to E-47.
 */
import { isIP } from "node:net";
import type { ApiAuthConfig } from "../../protocol/conf/config-types.ts";
import { isLoopback, type ListenEndpoint } from "../../protocol/conf/endpoint.ts";
import type { ApiQuestion } from "../../protocol/control/api.ts";
import { parseUrl } from "../parse-url.ts";

/**
 * True for a request that a page of another host has made. A page of this host's other ports is one of ours: that is
 * where operators have their own.
 */
export function isOfForeignPage({ headers }: Pick<ApiQuestion, "headers">): boolean {
  const { host, origin, fetchSite } = headers;
  if (fetchSite === "same-origin" || fetchSite === "none") {
    // Only a browser says so, also behind a proxy that gives the request another Host.
    return false;
  }
  if (origin === "") {
    return fetchSite === "cross-site";
  }
  const [page, own] = [nameOf(origin), nameOf(`http://${host}`)];
  return page === "" || page !== own;
}

/**
 * Whether a foreign page may change something. Where no credentials are asked for, being on the same network is all that
 * protects the API, and its reader's browser is. A page that shows credentials of its own may; those of basic
 * authentication a browser may add by itself, but only to requests that need no leave.
 */
export function mayForeignPageChange({ enabled, type }: ApiAuthConfig, method: string): boolean {
  return enabled && (type === "bearer" || method === "DELETE");
}

/**
 * Whether a port has this name. A page of another site reaches a port of the loopback under a name that its owner points
 * there; nobody else has a name for it.
 */
export function isOwnName(host: string, endpoint: ListenEndpoint): boolean {
  if (!isLoopback(endpoint)) {
    return true;
  }
  const name = host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return name === "" || name === "localhost" || isIP(name) !== 0;
}

/** Host of an address without its port; all names of the loopback are one; '' when it has none. */
function nameOf(address: string): string {
  const url = parseUrl(address);
  if (url === undefined) {
    return "";
  }
  const { hostname } = url;
  const plain = hostname.replace(/^\[(.*)\]$/, "$1");
  const isNear = hostname === "localhost" || (isIP(plain) !== 0 && isLoopback({ host: plain }));
  return isNear ? "localhost" : hostname;
}
