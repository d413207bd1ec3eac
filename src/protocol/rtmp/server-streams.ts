/**
 * What publishing and playing have in common on the server's side: NetStreams found, refused and closed.
 */
import { InvariantError, RejectedError } from "../errors.ts";
import { encodeRedirect, encodeStreamStatus } from "./server-replies.ts";
import type { Dialogue, NetStream, StreamTarget } from "./server-session-state.ts";
import { isLive, putStream, resolveStream, write } from "./server-session-state.ts";
import type { Redirect } from "./server-session-types.ts";
import { resolveStreamRequest } from "./stream-url.ts";

/** Why the host refuses a publish or a play. */
export interface Refusal {
  readonly code: string;
  readonly description: string;
  readonly redirect: Redirect | undefined;
}

/** What a refusal of the session itself sends and throws. */
export interface BadRequest {
  /** onStatus code. */
  readonly status: string;
  /** Stable code of the RejectedError. */
  readonly code: string;
  readonly message: string;
}

/**
 * The NetStream a publish or play means, made when the client never asked for one.
 * Peers: some pipeline publish with a guessed id, or skip createStream.
 * @returns undefined when there are several and none has this id
 */
export function openStreamFor(dialogue: Dialogue, streamId: number): NetStream | undefined {
  const { state } = dialogue;
  if (state.streams.length > 0) {
    return resolveStream(state, streamId);
  }
  const first: NetStream = { kind: "idle", id: 1 };
  putStream(state, first);
  return first;
}

/**
 * Vhost, app, stream and parameters of a name under this connection.
 * @returns undefined when the name was refused with `status` and the connection goes on
 * @throws RejectedError as {@link refuseStream}
 */
export function resolveTarget(
  dialogue: Dialogue,
  streamId: number,
  name: string,
  status: string,
): StreamTarget | undefined {
  const { connection, settings } = dialogue.state;
  if (connection.kind !== "connected") {
    throw new InvariantError("a stream without a connection");
  }
  try {
    const { vhost, app, stream, param } = resolveStreamRequest({
      tcUrl: connection.request.tcUrl,
      app: connection.app,
      stream: name,
      streamFromApp: settings.streamFromApp,
    });
    return { vhost, app, stream, param };
  } catch (error) {
    if (!(error instanceof RejectedError)) {
      throw error;
    }
    refuseStream(dialogue, streamId, { status, code: error.code, message: error.message });
    return undefined;
  }
}

/**
 * Writes onStatus of level error for a request that cannot be. The connection goes on when something else lives on it.
 * @throws RejectedError after the write, when nothing does: flush and close
 */
export function refuseStream(dialogue: Dialogue, streamId: number, bad: BadRequest): void {
  const { state } = dialogue;
  const { status, message } = bad;
  write(dialogue, encodeStreamStatus(streamId, "error", status, message, state.chunkSizeOut));
  if (state.streams.some(isLive)) {
    return;
  }
  state.connection = { kind: "closed" };
  throw new RejectedError(bad.code, status, message);
}

/** Puts a NetStream back to idle and writes the host's refusal: the redirect, if any, then onStatus of level error. */
export function writeRefusal(dialogue: Dialogue, streamId: number, refusal: Refusal): void {
  const { state } = dialogue;
  const { code, description, redirect } = refusal;
  putStream(state, { kind: "idle", id: streamId });
  if (redirect !== undefined) {
    write(dialogue, encodeRedirect(redirect, state.chunkSizeOut));
  }
  write(dialogue, encodeStreamStatus(streamId, "error", code, description, state.chunkSizeOut));
}

/** Puts a live NetStream back to idle and tells the host. */
export function closeLive(dialogue: Dialogue, stream: NetStream): void {
  putStream(dialogue.state, { kind: "idle", id: stream.id });
  dialogue.sink.closeStream(stream.id);
}
