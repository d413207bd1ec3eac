/**
 * `origin_cluster`: a stream that is not live at this origin is looked for at the others of the mesh, and the player is
 * sent there by a redirect. Each is asked over its HTTP API, one after the other, as SRS up to version 6 does.
 */
import { RejectedError } from "../../protocol/errors.ts";
import { encodeRtmpUrl, encodeTcUrl, type StreamRequest } from "../../protocol/rtmp/stream-url.ts";

const ANSWER_MS = 1000;
const ANSWER_BYTES_MAX = 65_536;

/** Where a stream is live. */
interface Place {
  readonly ip: string;
  readonly port: number;
}

/**
 * Looks for a stream at the coworkers.
 * @param coworkers `host:port` of their APIs.
 * @throws RejectedError always: with a redirect to the origin that has it, or because none has.
 */
export async function sendElsewhere(
  request: StreamRequest,
  vhost: string,
  coworkers: readonly string[],
): Promise<never> {
  for (const coworker of coworkers) {
    const place = await ask(coworker, request, vhost);
    if (place !== undefined) {
      throw redirected(place, request, vhost);
    }
  }
  const status = "NetStream.Play.StreamNotFound";
  throw new RejectedError("ERR_STREAM_NOT_FOUND", status, "No origin has the stream.");
}

function redirected({ ip, port }: Place, request: StreamRequest, vhost: string): RejectedError {
  const { app, stream, param, host } = request;
  const tcUrl = encodeTcUrl({ schema: "rtmp", host: ip, port, vhost, app });
  const url = encodeRtmpUrl({ server: ip, port, host, vhost, app, stream, param });
  const status = "NetConnection.Connect.Rejected";
  return new RejectedError("redirect", status, "RTMP 302 Redirect", { tcUrl, url });
}

/** @returns undefined when it has not got the stream, or gives no answer that can be. */
async function ask(
  coworker: string,
  { app, stream, host }: StreamRequest,
  vhost: string,
): Promise<Place | undefined> {
  const ip = coworker.replace(/:\d+$/, "");
  const query = new URLSearchParams({ vhost, ip: ip === "" ? host : ip, app, stream, coworker });
  try {
    const answer = await fetch(`http://${coworker}/api/v1/clusters?${query}`, {
      method: "POST",
      redirect: "error",
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    return answer.ok ? placeIn(await readText(answer)) : undefined;
  } catch {
    // Refused, too late, too long or no JSON: the next one is asked.
    return undefined;
  }
}

/** @throws Error when it is longer than any answer. */
async function readText(answer: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of answer.body ?? []) {
    text += decoder.decode(part, { stream: true });
    if (text.length > ANSWER_BYTES_MAX) {
      throw new Error("an answer without end");
    }
  }
  return text;
}

function placeIn(text: string): Place | undefined {
  const answer: unknown = JSON.parse(text);
  const { ip, port } = field(field(answer, "data"), "origin") as Partial<Place>;
  const isPlace =
    typeof ip === "string" &&
    /^[A-Za-z0-9_.:-]{1,253}$/.test(ip) &&
    typeof port === "number" &&
    Number.isInteger(port) &&
    port >= 1 &&
    port <= 65_535;
  return isPlace ? { ip, port } : undefined;
}

function field(value: unknown, name: string): object {
  const found = typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
  return typeof found === "object" && found !== null ? found : {};
}
