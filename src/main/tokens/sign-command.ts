/** `weir sign`: makes a signed URL with the key of a configuration. */
import type { DecodedConfig } from "../../protocol/conf/config.ts";
import { resolveVhost } from "../../protocol/conf/config.ts";
import { RejectedError } from "../../protocol/errors.ts";
import { resolveStreamRequest, type StreamRequest } from "../../protocol/rtmp/stream-url.ts";
import { parseUrl } from "../parse-url.ts";
import { signedQuery } from "./signed-url.ts";

/** How to call it. */
const SIGN_USAGE = `Usage: weir sign -c filename --action publish|play [--for seconds] [--ip address] URL
  URL     : rtmp://HOST/APP/STREAM, or http://HOST/APP/STREAM.flv and the like; the signature is the same for both
  --for   : how long it is valid, 3600 when it is not said
  --ip    : only this address may use it
`;

/** What the arguments say. */
interface SignOrder {
  readonly file: string;
  readonly action: "publish" | "play";
  readonly seconds: number;
  readonly ip: string;
  readonly url: string;
}

/** What it is done with. */
export interface SignHost {
  /** @throws ConfigError */
  load(file: string): DecodedConfig;
  /** Milliseconds since the epoch. */
  now(): number;
}

const SECONDS = 3600;
const MS_PER_S = 1000;
/** Endings of HTTP paths that are no part of the stream's name. */
const ENDING = /\.(flv|ts|aac|mp3|m3u8|m4s)$/;

/**
 * The signed URL, or what is wrong with the order.
 * @param argv Without the word `sign`.
 * @throws ConfigError
 */
export function signUrl(
  argv: readonly string[],
  host: SignHost,
): { readonly url: string } | { readonly fault: string } {
  const order = decodeOrder(argv);
  if (order === undefined) {
    return { fault: SIGN_USAGE };
  }
  const request = requestOf(order.url);
  if (request === undefined) {
    return { fault: "The URL names no stream.\n" };
  }
  const vhost = resolveVhost(host.load(order.file).config, request.vhost);
  const [secret] = vhost?.token.secrets ?? [];
  if (vhost === undefined || secret === undefined) {
    return { fault: `No vhost of ${order.file} with a token secret serves this URL.\n` };
  }
  const { action, seconds, ip, url } = order;
  const { app, stream } = request;
  const expires = Math.floor(host.now() / MS_PER_S) + seconds;
  const query = signedQuery(secret, { action, vhost: vhost.name, app, stream, expires, ip });
  return { url: url + (url.includes("?") ? `&${query.slice(1)}` : query) };
}

function decodeOrder(argv: readonly string[]): SignOrder | undefined {
  const options = new Map<string, string>();
  const urls: string[] = [];
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index] ?? "";
    if (argument.startsWith("-")) {
      index += 1;
      options.set(argument, argv[index] ?? "");
    } else {
      urls.push(argument);
    }
  }
  const [url] = urls;
  const [file, action] = [options.get("-c"), options.get("--action")];
  const seconds = options.get("--for") ?? String(SECONDS);
  const isKnown = [...options.keys()].every((name) =>
    ["-c", "--action", "--for", "--ip"].includes(name),
  );
  const isWhole = urls.length === 1 && isKnown && /^\d{1,9}$/.test(seconds);
  if (!isWhole || url === undefined || !file || (action !== "publish" && action !== "play")) {
    return undefined;
  }
  return { file, action, seconds: Number(seconds), ip: options.get("--ip") ?? "", url };
}

/** undefined when it is no URL of a stream. */
function requestOf(text: string): StreamRequest | undefined {
  const url = parseUrl(text);
  if (url === undefined) {
    return undefined;
  }
  const at = url.pathname.lastIndexOf("/");
  const isHttp = url.protocol === "http:" || url.protocol === "https:";
  const last = url.pathname.slice(at + 1);
  const stream = isHttp ? last.replace(ENDING, "") : last;
  if (stream === "" || at < 1) {
    return undefined;
  }
  const tcUrl = `${url.protocol}//${url.host}${url.pathname.slice(0, at)}`;
  try {
    return resolveStreamRequest({ tcUrl, stream: decodeURIComponent(stream) + url.search });
  } catch (error) {
    if (error instanceof RejectedError || error instanceof URIError) {
      return undefined;
    }
    throw error;
  }
}
