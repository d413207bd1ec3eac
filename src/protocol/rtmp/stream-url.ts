/**
 * Vhost, app, stream and parameters out of tcUrl, connect's app and the stream name, as SRS resolves them; and back.
 *
 * Clients cut one URL in different places: the stream may stand in tcUrl, the query after the app or after the
 * stream, the vhost in the host, in a query or behind `...vhost...`. Everything is brought to one form here, decoded
 * once and checked before anything else sees it.
 */
import {
  APP_BYTES_MAX,
  QUERY_BYTES_MAX,
  STREAM_BYTES_MAX,
  TC_URL_BYTES_MAX,
  VHOST_BYTES_MAX,
} from "../limits.ts";
import type { UrlParts } from "./url-parts.ts";
import { badName, defaultPort, legacyVhost, rejected, splitQuery, splitUrl } from "./url-parts.ts";
import { checkPath, hasControl, isIpv4, isOver, parseQuery, withoutPairs } from "./url-text.ts";

export { parseQuery } from "./url-text.ts";

/** App when the URL names none (SRS). */
const DEFAULT_APP = "__defaultApp__";
/** The vhost that stands for every host without one of its own (SRS). */
export const DEFAULT_VHOST = "__defaultVhost__";
/** Adobe's instance name that means "the default one". */
const DEFAULT_INSTANCE = "_definst_";
const VHOST_SHAPE = /^[a-z0-9_:-]+(?:\.[a-z0-9_:-]+)*$/;

/** How callbacks and the API name a stream (SRS): `[vhost]/app/stream`, without the name of the default vhost. */
export function streamUrlOf(vhost: string, app: string, stream: string): string {
  return `${vhost === DEFAULT_VHOST ? "" : vhost}/${app}/${stream}`;
}

/**
 * The vhost that an HTTP request names: by `vhost` or `domain` of its query, or else by its Host header (SRS).
 * Shape: lower case, without the port.
 */
export function vhostOfHttp(host: string, query: string): string {
  const values = parseQuery(query);
  const named = values.get("vhost") || values.get("domain") || "";
  const isOwn = named === "" || named === DEFAULT_VHOST;
  return (isOwn ? host.replace(/:\d+$/, "") : named).toLowerCase();
}

/** A stream as a client asked for it. */
export interface StreamRequest {
  /** Lower case, at most 253 bytes. */
  readonly vhost: string;
  /** One or more segments, at most 128 bytes; `__defaultApp__` when none was named. */
  readonly app: string;
  /** One segment, at most 256 bytes. */
  readonly stream: string;
  /** Query with leading `?`, undecoded, or ''; at most 8 KiB. Holds tokens: never log it. */
  readonly param: string;
  /** As sent, without user, password and quotes. */
  readonly tcUrl: string;
  readonly pageUrl: string;
  readonly swfUrl: string;
  /** Host of tcUrl in lower case, IPv6 without brackets. */
  readonly host: string;
  /** 1–65535. */
  readonly port: number;
}

/** What a client sent. */
export interface ResolveInput {
  readonly tcUrl: string;
  /** `app` of the connect object, '' when missing. */
  readonly app?: string;
  /** Stream name with its query, '' when missing. */
  readonly stream: string;
  readonly pageUrl?: string;
  readonly swfUrl?: string;
  /** Stands in for tcUrl's host when tcUrl is missing: the address the client reached, or SNI. */
  readonly fallbackHost?: string;
  /** Without a stream name, a one-segment app becomes the stream of `__defaultApp__` (B-45). Default false. */
  readonly streamFromApp?: boolean;
}

/** A connection as a client asked for it; `stream` is '' or what the URL suggests. */
export interface ConnectPlace extends StreamRequest {
  /** `user:password` of tcUrl, or ''. */
  readonly credentials: string;
}

/** Where a client session connects to and what it asks for there. */
export interface RtmpTarget {
  readonly schema: string;
  /** Host to connect to, lower case, IPv6 without brackets. */
  readonly host: string;
  /** 1–65535. */
  readonly port: number;
  readonly vhost: string;
  readonly app: string;
  readonly stream: string;
  /** Query with leading `?`, or ''. */
  readonly param: string;
  /** What connect sends: the vhost in the place of the host. */
  readonly tcUrl: string;
  /** What publish and play send: the stream and its query without the vhost. */
  readonly streamName: string;
}

/** App and stream before anything is checked. */
interface Names {
  readonly app: string;
  readonly stream: string;
  /** Without `?`. */
  readonly query: string;
}

/**
 * What a publish or play asks for.
 * Spec: behaviour of SRS, rows B-31 to B-49 and A8 of the bar list. Memory: **owned** result.
 * @throws RejectedError with NetConnection.Connect.Rejected for tcUrl, vhost or app, NetStream.Publish.BadName for the
 * stream name
 */
export function resolveStreamRequest(input: ResolveInput): StreamRequest {
  const parts = splitUrl(completeTcUrl(input));
  const names = guessStream(placeNames(parts, input.stream), input);
  if (names.stream === "") {
    throw badName("the stream has no name");
  }
  const { vhost, app, stream, param, tcUrl, pageUrl, swfUrl, host, port } = check(
    parts,
    names,
    input,
  );
  return { vhost, app, stream, param, tcUrl, pageUrl, swfUrl, host, port };
}

/**
 * What a connect asks for; `stream` is '' and `app` everything that tcUrl names, for the stream may stand in it.
 * @throws RejectedError with NetConnection.Connect.Rejected
 */
export function resolveConnect(input: ResolveInput): ConnectPlace {
  const parts = splitUrl(completeTcUrl(input));
  return check(parts, placeNames(parts, ""), input);
}

/** The name of a stream in the whole host: `vhost/app/stream`. */
export function streamKey(request: Pick<StreamRequest, "vhost" | "app" | "stream">): string {
  return `${request.vhost}/${request.app}/${request.stream}`;
}

/**
 * A whole URL as a client of another server needs it, the way SRS cuts it: the last segment is the stream, user
 * parameters travel in the stream name, the vhost in tcUrl.
 * @throws RejectedError as {@link resolveStreamRequest}
 */
export function parseRtmpUrl(url: string): RtmpTarget {
  const { schema } = splitUrl(url);
  const slash = url.split(/[?#]/, 1)[0]?.lastIndexOf("/") ?? -1;
  const request = resolveStreamRequest({
    tcUrl: url.slice(0, slash),
    stream: url.slice(slash + 1),
  });
  const { host, port, vhost, app, stream, param } = request;
  return {
    schema,
    host,
    port,
    vhost,
    app,
    stream,
    param,
    tcUrl: encodeTcUrl({ schema, host, port, vhost, app }),
    streamName: stream + withoutPairs(param, "vhost"),
  };
}

/** The tcUrl SRS's client sends: the vhost in the place of the host unless it is the default one. */
export function encodeTcUrl(
  parts: Pick<RtmpTarget, "schema" | "host" | "port" | "vhost" | "app">,
): string {
  const { schema, port, app } = parts;
  const name = parts.vhost === DEFAULT_VHOST ? parts.host : parts.vhost;
  const host = name.includes(":") ? `[${name}]` : name;
  const isDefault = port === defaultPort(schema);
  return `${schema}://${host}${isDefault ? "" : `:${port}`}/${app}`;
}

/**
 * The URL of a stream at another server, as SRS writes it for edges and forwards: the vhost goes into the query unless
 * it is there; for the default vhost the client's host name is taken as a guess.
 * Shape: `server` and `port` are where to connect; `host` is the host of the client's own tcUrl.
 */
export function encodeRtmpUrl(target: {
  readonly server: string;
  readonly port: number;
  readonly host: string;
  readonly vhost: string;
  readonly app: string;
  readonly stream: string;
  readonly param: string;
}): string {
  const { server, port, app, stream } = target;
  const host = server.includes(":") ? `[${server}]` : server;
  const query = target.param.replace(/^[?&]+/, "");
  const vhost = parseQuery(query).has("vhost") ? "" : vhostToSend(target.vhost, target.host);
  const pairs = [query, vhost === "" ? "" : `vhost=${vhost}`].filter((part) => part !== "");
  const param = pairs.length === 0 ? "" : `?${pairs.join("&")}`;
  return `rtmp://${host}:${port}/${app}/${stream}${param}`;
}

function vhostToSend(vhost: string, host: string): string {
  if (vhost !== DEFAULT_VHOST) {
    return vhost;
  }
  return isIpv4(host) || host.includes(":") ? "" : host;
}

function check(parts: UrlParts, names: Names, input: ResolveInput): ConnectPlace {
  checkLengths(names);
  const values = parseQuery(names.query);
  const named = values.get("vhost") || values.get("domain") || "";
  const isOnlyDefault = named === DEFAULT_VHOST && !names.query.includes("&");
  return {
    vhost: checkVhost(named === "" || named === DEFAULT_VHOST ? parts.host : named),
    app: checkPath(names.app, () => rejected("the app name is not allowed")),
    stream:
      names.stream === ""
        ? ""
        : checkPath(names.stream, () => badName("the stream name is not allowed")),
    param: names.query === "" || isOnlyDefault ? "" : `?${names.query}`,
    tcUrl: parts.url,
    pageUrl: input.pageUrl ?? "",
    swfUrl: input.swfUrl ?? "",
    host: parts.host,
    port: parts.port,
    credentials: parts.credentials,
  };
}

/** Peers: Neko quotes its tcUrl; some leave it out and send only the app. */
function completeTcUrl(input: ResolveInput): string {
  const tcUrl = input.tcUrl.trim().replace(/^['"]+|['"]+$/g, "");
  if (isOver(tcUrl, TC_URL_BYTES_MAX)) {
    throw rejected("tcUrl is too long");
  }
  if (hasControl(tcUrl) || hasControl(input.app ?? "")) {
    throw rejected("tcUrl or app holds control characters");
  }
  const app = input.app ?? "";
  if (tcUrl !== "") {
    return tcUrl;
  }
  if (app === "") {
    throw rejected("connect names neither tcUrl nor app");
  }
  const host = input.fallbackHost ?? "";
  return `rtmp://${host === "" ? "localhost" : bracketed(host)}/${app}`;
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/**
 * Joins tcUrl's path and the stream name: the last segment is the stream, the rest the app. Both queries are kept, the
 * stream's first; one that came twice is kept once.
 */
function placeNames(parts: UrlParts, streamName: string): Names {
  if (hasControl(streamName)) {
    throw badName("the stream name holds control characters");
  }
  const own = splitQuery(legacyVhost(streamName));
  const stream = checkLeadingSlash(own.path);
  const appPath = withoutInstance(parts.path.replace(/^\/+|\/+$/g, ""));
  const slash = stream.lastIndexOf("/");
  const extra = slash < 0 ? "" : stream.slice(0, slash);
  if (extra !== "") {
    checkPath(extra, () => badName("the stream name is not allowed"));
  }
  const app = [appPath, extra].filter((part) => part !== "").join("/");
  const queries = own.query === parts.query ? [own.query] : [own.query, parts.query];
  const query = queries.filter((part) => part !== "").join("&");
  return { app: app === "" ? DEFAULT_APP : app, stream: stream.slice(slash + 1), query };
}

/** One slash before a plain name is a habit of some encoders; before more it is a path (A8-01). */
function checkLeadingSlash(stream: string): string {
  if (!stream.startsWith("/")) {
    return stream;
  }
  if (stream.indexOf("/", 1) >= 0) {
    throw badName("the stream name is a path");
  }
  return stream.slice(1);
}

function withoutInstance(app: string): string {
  return app
    .split("/")
    .filter((segment) => segment !== DEFAULT_INSTANCE)
    .join("/");
}

/**
 * Finds a stream that stands in the app or in the query, when the client sent none.
 * Peers: OBS with the whole URL in "Server", gst and ffmpeg with one path.
 */
function guessStream(names: Names, input: ResolveInput): Names {
  if (names.stream !== "") {
    return names;
  }
  const inQuery = names.query.lastIndexOf("/");
  const place = names.app.includes("/") ? names : appOfConnect(names, input);
  const slash = place.app.lastIndexOf("/");
  if (slash >= 0) {
    return { ...place, app: place.app.slice(0, slash), stream: place.app.slice(slash + 1) };
  }
  if (inQuery >= 0) {
    const stream = names.query.slice(inQuery + 1);
    return { ...names, stream, query: names.query.slice(0, inQuery) };
  }
  if (input.streamFromApp === true && names.app !== DEFAULT_APP) {
    return { ...names, app: DEFAULT_APP, stream: names.app };
  }
  return names;
}

/** connect's app may be longer than tcUrl's. */
function appOfConnect(names: Names, input: ResolveInput): Names {
  const own = splitQuery(input.app ?? "");
  const app = withoutInstance(own.path.replace(/^\/+|\/+$/g, ""));
  if (!app.startsWith(`${names.app}/`)) {
    return names;
  }
  return { ...names, app, query: names.query === "" ? own.query : names.query };
}

function checkLengths(names: Names): void {
  if (isOver(names.app, APP_BYTES_MAX)) {
    throw rejected("the app name is too long");
  }
  if (isOver(names.stream, STREAM_BYTES_MAX)) {
    throw badName("the stream name is too long");
  }
  if (isOver(names.query, QUERY_BYTES_MAX)) {
    throw badName("the query is too long");
  }
}

function checkVhost(name: string): string {
  const vhost = name.toLowerCase();
  if (!VHOST_SHAPE.test(vhost) || isOver(vhost, VHOST_BYTES_MAX)) {
    throw rejected("the vhost name is not allowed");
  }
  return vhost === DEFAULT_VHOST.toLowerCase() ? DEFAULT_VHOST : vhost;
}
