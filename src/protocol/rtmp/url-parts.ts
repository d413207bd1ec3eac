/**
 * An RTMP URL in its parts, unchecked but for its shape.
 */
import { RejectedError } from "../errors.ts";

/** Port of rtmp:// (RTMP 1.0 §5). */
const RTMP_PORT = 1935;
const RTMPS_PORT = 443;

const CONNECT_REJECTED = "NetConnection.Connect.Rejected";
const BAD_NAME = "NetStream.Publish.BadName";
const URL_SHAPE = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)(.*)$/s;
const HOST_SHAPE = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]*))(?::([0-9]{1,5}))?$/;

/** The parts of a URL before anything is checked. */
export interface UrlParts {
  /** The whole without user and password. */
  readonly url: string;
  readonly schema: string;
  readonly credentials: string;
  readonly host: string;
  readonly port: number;
  /** Behind the host, without query and fragment. */
  readonly path: string;
  /** Without `?`. */
  readonly query: string;
}

/**
 * Cuts an RTMP URL.
 * Shape: any scheme; IPv6 hosts in brackets; the port 1–65535, by default the scheme's.
 * @throws RejectedError
 */
export function splitUrl(url: string): UrlParts {
  const match = URL_SHAPE.exec(url);
  if (match === null) {
    throw rejected("tcUrl is no URL");
  }
  const [, schema = "", authority = "", rest = ""] = match;
  const at = authority.lastIndexOf("@");
  const [, ipv6, name, portText] = HOST_SHAPE.exec(authority.slice(at + 1)) ?? [];
  const host = (ipv6 ?? name ?? "").toLowerCase();
  if (host === "") {
    throw rejected("tcUrl names no host");
  }
  const lowerSchema = schema.toLowerCase();
  const port = portText === undefined ? defaultPort(lowerSchema) : Number(portText);
  if (port < 1 || port > 65_535) {
    throw rejected("tcUrl names no port that can be");
  }
  const { path, query } = splitQuery(legacyVhost(rest));
  return {
    url: at < 0 ? url : `${schema}://${authority.slice(at + 1)}${rest}`,
    schema: lowerSchema,
    credentials: at < 0 ? "" : authority.slice(0, at),
    host,
    port,
    path,
    query,
  };
}

/** `app...vhost...name` is an old way to write `app?vhost=name`. */
export function legacyVhost(rest: string): string {
  return rest.includes("?")
    ? rest.replace("...vhost...", "&vhost=")
    : rest.replace("...vhost...", "?vhost=");
}

/** Path and query; a fragment is neither part of the stream's name nor of the query. */
export function splitQuery(text: string): { path: string; query: string } {
  const whole = text.split("#", 1)[0] ?? "";
  const mark = whole.indexOf("?");
  return mark < 0
    ? { path: whole, query: "" }
    : { path: whole.slice(0, mark), query: whole.slice(mark + 1) };
}

/** Port of a scheme without one. */
export function defaultPort(schema: string): number {
  return schema === "rtmps" ? RTMPS_PORT : RTMP_PORT;
}

/** The refusal of a URL. */
export function rejected(message: string): RejectedError {
  return new RejectedError("ERR_RTMP_URL", CONNECT_REJECTED, message);
}

/** The refusal of a stream name. */
export function badName(message: string): RejectedError {
  return new RejectedError("ERR_RTMP_STREAM_NAME", BAD_NAME, message);
}
