/** The HTTP API of a running server, as `weir ctl` and `weir top` use it. */
import { messageOf } from "../../protocol/errors.ts";

const DEFAULT_API = "http://127.0.0.1:1985";
const ANSWER_MS = 15_000;

/** Traffic of a stream or client. */
interface Traffic {
  readonly kbps: { readonly recv_30s: number; readonly send_30s: number };
}

/** What is used of a stream. */
export interface ListedStream extends Traffic {
  readonly id: string;
  readonly url: string;
  readonly clients: number;
  readonly frames: number;
  readonly publish: { readonly active: boolean; readonly cid?: string };
  readonly video: {
    readonly codec: string;
    readonly width: number;
    readonly height: number;
  } | null;
  readonly audio: { readonly codec: string } | null;
  readonly shard: string | null;
}

/** What is used of a client. */
export interface ListedClient extends Traffic {
  readonly id: string;
  readonly url: string;
  readonly ip: string;
  readonly type: string;
  readonly alive: number;
  readonly shard: string;
}

/** What is used of a reload's report. */
export interface ReloadNews {
  readonly msg: string;
  readonly steps?: readonly {
    readonly place: string;
    readonly before: string | null;
    readonly after: string | null;
    readonly effect: string;
  }[];
}

/** What answers have in common, with what the tools use of them. */
export interface ApiReply {
  readonly code: number;
  readonly streams?: readonly ListedStream[];
  readonly clients?: readonly ListedClient[];
  readonly total?: number;
  readonly data?: object;
}

/** Where the API is, and what it is told; credentials come from the environment, where others do not see them. */
export interface ApiAddress {
  readonly url: string;
  readonly authorization: string;
}

/** `WEIR_API`, `WEIR_API_USER` (`name:password`) and `WEIR_API_TOKEN`. @param url Outranks `WEIR_API`; '' for none. */
export function apiAddress(
  url: string,
  environment: Readonly<Record<string, string | undefined>>,
): ApiAddress {
  const { WEIR_API: api = DEFAULT_API, WEIR_API_USER: user, WEIR_API_TOKEN: token } = environment;
  const basic = user === undefined ? "" : `Basic ${Buffer.from(user).toString("base64")}`;
  return {
    url: (url === "" ? api : url).replace(/\/+$/, ""),
    authorization: token === undefined ? basic : `Bearer ${token}`,
  };
}

/** Asks the API. @throws Error that says in one line what went wrong */
export async function askApi(
  { url, authorization }: ApiAddress,
  path: string,
  method: "GET" | "DELETE" = "GET",
): Promise<ApiReply> {
  let answer: Response;
  try {
    answer = await fetch(`${url}${path}`, {
      method,
      redirect: "error",
      headers: authorization === "" ? {} : { authorization },
      signal: AbortSignal.timeout(ANSWER_MS),
    });
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new Error(`${url}: ${messageOf(cause)}`);
  }
  if (!answer.ok) {
    throw new Error(
      `${url}: status ${answer.status}${answer.status === 401 ? ": WEIR_API_USER or WEIR_API_TOKEN is missing or wrong" : ""}`,
    );
  }
  return (await answer.json()) as ApiReply;
}
