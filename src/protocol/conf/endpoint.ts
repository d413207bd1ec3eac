/** Listening addresses as SRS writes them: `1935`, `127.0.0.1:1935`, `[::]:1935`; and where weir connects to. */
import { decodeNetwork } from "../access/network.ts";

/** An address to listen on. `host` is empty for every address of every family. */
export interface ListenEndpoint {
  readonly host: string;
  readonly port: number;
}

/** True for an address that only this host reaches. */
export function isLoopback({ host }: Pick<ListenEndpoint, "host">): boolean {
  return host.startsWith("127.") || host === "::1";
}

/** @returns undefined when it is not an IP address and a port from 1 to 65535. */
export function decodeListenEndpoint(text: string): ListenEndpoint | undefined {
  const [, v6, v4, digits] = /^(?:\[([0-9a-fA-F:.%\w]+)\]:|([0-9.]+):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits ?? 0);
  if (port < 1 || port > 65_535) {
    return undefined;
  }
  if (v6 !== undefined) {
    return v6.includes(":") ? { host: v6, port } : undefined;
  }
  if (v4 !== undefined) {
    return isIpv4(v4) ? { host: v4, port } : undefined;
  }
  return { host: "", port };
}

function isIpv4(text: string): boolean {
  const octets = text.split(".");
  return (
    octets.length === 4 && octets.every((octet) => /^\d{1,3}$/.test(octet) && Number(octet) <= 255)
  );
}

/** `1.2.3.4:1935`, `[::]:1935`, `*:1935`. */
export function addressOf({ host, port }: ListenEndpoint): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return `${name === "" ? "*" : name}:${port}`;
}

/** An address or URL as a message may show it: without name and password, and without its query. */
export function shownAddress(text: string): string {
  return text.replace(/[?#].*$/s, "?…").replace(/^([^/]*\/\/)?[^/]*@/, "$1***@");
}

/** Scheme, name and password, host (in brackets or not), port. */
const HTTP_URL =
  /^https?:\/\/(?:[^\s/?#@\\]*@)?(?:\[([^\s\]]*)\]|([^\s/?#@:[\]\\<>^|%]+))(?::(\d{1,5}))?(?:[/?#].*)?$/is;

/** Whether a client of HTTP can call it: scheme, host and port are such as there are. Punycode is not looked into. */
export function isHttpUrl(text: string): boolean {
  const [whole, v6, name = "", digits = "80"] = HTTP_URL.exec(text) ?? [];
  const isHost = v6 === undefined ? isHostName(name) : isIpv6(v6);
  return whole !== undefined && isHost && Number(digits) >= 1 && Number(digits) <= 65_535;
}

/** A name whose last label is a number is an IPv4 address, or nothing. */
function isHostName(name: string): boolean {
  const labels = name.replace(/\.$/, "").split(".");
  const isNumber = /^(?:\d+|0x[\da-f]*)$/i.test(labels.at(-1) ?? "");
  return isNumber ? isIpv4(name) : labels.every((label) => label !== "");
}

function isIpv6(text: string): boolean {
  return text.includes(":") && !/[%/]/.test(text) && decodeNetwork(text) !== undefined;
}

/** A server that weir connects to. */
export interface OriginAddress {
  /** Name or address, lower case, IPv6 without brackets. */
  readonly host: string;
  /** 0: the protocol's own. */
  readonly port: number;
}

/**
 * `host`, `host:port`, `v6`, `[v6]` or `[v6]:port`.
 * @returns undefined when it is none of these.
 */
export function decodeOriginAddress(text: string): OriginAddress | undefined {
  const bracketed = /^\[([0-9a-fA-F:.]+)\](?::(\d{1,5}))?$/.exec(text);
  const bare = /^([0-9a-fA-F]*:[0-9a-fA-F:.]*:[0-9a-fA-F.]*)$/.exec(text);
  const named = /^([A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)(?::(\d{1,5}))?$/.exec(text);
  const [, host = "", digits] = bracketed ?? bare ?? named ?? [];
  const port = digits === undefined ? 0 : Number(digits);
  const isPort = digits === undefined || (port >= 1 && port <= 65_535);
  if (bracketed !== null && !isIpv6(host)) {
    return undefined;
  }
  return host === "" || !isPort ? undefined : { host: host.toLowerCase(), port };
}
