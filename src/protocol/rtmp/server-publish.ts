/**
 * Publishing on a NetStream on the server's side: the three orders of encoders, and every way to end.
 */
import { InvariantError } from "../errors.ts";
import type { Command } from "./command.ts";
import { streamNameOf } from "./command.ts";
import { encodeFcNotice, encodeResult, encodeStreamStatus } from "./server-replies.ts";
import type { Dialogue, NetStream, PublishStream } from "./server-session-state.ts";
import {
  dropStream,
  findStream,
  isLive,
  putStream,
  requestOf,
  resolveStream,
  write,
} from "./server-session-state.ts";
import type { Refusal } from "./server-streams.ts";
import {
  closeLive,
  openStreamFor,
  refuseStream,
  resolveTarget,
  writeRefusal,
} from "./server-streams.ts";

const BAD_NAME = "NetStream.Publish.BadName";
const STARTED = "Started publishing stream.";

/** releaseStream: announces an FMLE publish; ends a publish of this very connection, never another one's (A5-15). */
export function releaseStream(dialogue: Dialogue, command: Command): void {
  const { state } = dialogue;
  const own = publishNamed(dialogue, streamNameOf(command.args[1]));
  if (own !== undefined) {
    closeLive(dialogue, own);
  }
  state.announced = "fmle-publish";
  write(dialogue, encodeResult(command.transactionId, undefined, state.chunkSizeOut));
}

/** FCPublish: FMLE sends it before createStream, Haivision after it. */
export function announcePublish(dialogue: Dialogue, command: Command): void {
  const { state } = dialogue;
  if (state.announced === "flash-publish") {
    state.announced = state.hasCreated ? "haivision-publish" : "fmle-publish";
  }
  write(dialogue, encodeResult(command.transactionId, undefined, state.chunkSizeOut));
}

/** FCUnpublish: onFCUnpublish, `_result`, onStatus, in SRS's order. Wrong names end the only publish there is. */
export function unpublish(dialogue: Dialogue, command: Command): void {
  const { state } = dialogue;
  const stream = publishNamed(dialogue, streamNameOf(command.args[1])) ?? onlyPublish(dialogue);
  if (stream === undefined) {
    write(dialogue, encodeResult(command.transactionId, undefined, state.chunkSizeOut));
    return;
  }
  write(dialogue, encodeFcNotice("onFCUnpublish", stream.id, state.chunkSizeOut));
  write(dialogue, encodeResult(command.transactionId, undefined, state.chunkSizeOut, stream.id));
  writeUnpublished(dialogue, stream.id);
  closeLive(dialogue, stream);
}

/**
 * publish.
 * @throws RejectedError after its status was written, when the name is bad and nothing else lives on the connection
 */
export function requestPublish(dialogue: Dialogue, streamId: number, command: Command): void {
  const { state } = dialogue;
  const stream = openStreamFor(dialogue, streamId);
  const name = streamNameOf(command.args[1]);
  if (stream === undefined || name === undefined) {
    refuse(dialogue, stream?.id ?? streamId, "ERR_RTMP_STREAM_NAME", "No such stream or name.");
    return;
  }
  if (stream.kind !== "idle") {
    republish(dialogue, stream, name);
    return;
  }
  const target = resolveTarget(dialogue, stream.id, name, BAD_NAME);
  if (target === undefined) {
    return;
  }
  const style = state.announced;
  putStream(state, {
    kind: "publish-requested",
    id: stream.id,
    name: plainName(name),
    target,
    style,
  });
  dialogue.sink.publish(stream.id, requestOf(state, target), style);
}

/** Writes the replies of an accepted publish. @throws InvariantError when none was asked for */
export function acceptPublish(dialogue: Dialogue, streamId: number): void {
  const { state } = dialogue;
  const stream = requested(dialogue, streamId);
  putStream(state, { ...stream, kind: "publishing" });
  state.announced = "flash-publish";
  state.hasCreated = false;
  state.unauthorisedBytes = 0;
  dialogue.decoder.identified = true;
  if (stream.style !== "flash-publish") {
    write(dialogue, encodeFcNotice("onFCPublish", streamId, state.chunkSizeOut));
  }
  writeStarted(dialogue, streamId);
}

/** Writes the refusal of a publish. @throws InvariantError when none was asked for */
export function rejectPublish(dialogue: Dialogue, streamId: number, refusal: Refusal): void {
  requested(dialogue, streamId);
  writeRefusal(dialogue, streamId, refusal);
}

/** The server ends a publish; the host knows already. */
export function endPublish(dialogue: Dialogue, streamId: number): void {
  const stream = findStream(dialogue.state, streamId);
  if (stream?.kind !== "publishing") {
    return;
  }
  putStream(dialogue.state, { kind: "idle", id: streamId });
  writeUnpublished(dialogue, streamId);
}

/** closeStream: the NetStream stays and can be used again. */
export function closeStream(dialogue: Dialogue, streamId: number): void {
  const stream = resolveStream(dialogue.state, streamId);
  if (stream === undefined || !isLive(stream)) {
    return;
  }
  if (stream.kind === "publishing") {
    writeUnpublished(dialogue, stream.id);
  }
  closeLive(dialogue, stream);
}

/** deleteStream: by its argument; a wrong id means the only NetStream there is (A5-14). */
export function deleteStream(dialogue: Dialogue, command: Command): void {
  const id = command.args[1];
  const stream = resolveStream(dialogue.state, typeof id === "number" ? id : -1);
  if (stream === undefined) {
    return;
  }
  const wasLive = isLive(stream);
  dropStream(dialogue.state, stream.id);
  if (wasLive) {
    dialogue.sink.closeStream(stream.id);
  }
}

/** The name without its query. */
function plainName(name: string): string {
  const query = name.indexOf("?");
  return query < 0 ? name : name.slice(0, query);
}

function republish(dialogue: Dialogue, stream: NetStream, name: string): void {
  if (stream.kind === "publishing" && stream.name === plainName(name)) {
    // Wirecast repeats its publish; a second answer is harmless, a second admission is not (A5-09).
    writeStarted(dialogue, stream.id);
    return;
  }
  refuse(dialogue, stream.id, "ERR_RTMP_STREAM_BUSY", "The message stream is in use.");
}

function refuse(dialogue: Dialogue, streamId: number, code: string, message: string): void {
  refuseStream(dialogue, streamId, { status: BAD_NAME, code, message });
}

function requested(dialogue: Dialogue, streamId: number): PublishStream {
  const stream = findStream(dialogue.state, streamId);
  if (stream?.kind !== "publish-requested") {
    throw new InvariantError(`publish answered on message stream ${streamId}`);
  }
  return stream;
}

function publishNamed(dialogue: Dialogue, name: string | undefined): PublishStream | undefined {
  const plain = name === undefined ? undefined : plainName(name);
  for (const stream of dialogue.state.streams) {
    if (stream.kind === "publishing" && stream.name === plain) {
      return stream;
    }
  }
  return undefined;
}

/** The one NetStream that publishes; undefined when there is none or several. */
function onlyPublish(dialogue: Dialogue): PublishStream | undefined {
  let only: PublishStream | undefined;
  for (const stream of dialogue.state.streams) {
    if (stream.kind === "publishing") {
      if (only !== undefined) {
        return undefined;
      }
      only = stream;
    }
  }
  return only;
}

function writeStarted(dialogue: Dialogue, streamId: number): void {
  const code = "NetStream.Publish.Start";
  const { chunkSizeOut } = dialogue.state;
  write(dialogue, encodeStreamStatus(streamId, "status", code, STARTED, chunkSizeOut));
}

function writeUnpublished(dialogue: Dialogue, streamId: number): void {
  const code = "NetStream.Unpublish.Success";
  const { chunkSizeOut } = dialogue.state;
  const description = "Stream is now unpublished";
  write(dialogue, encodeStreamStatus(streamId, "status", code, description, chunkSizeOut));
}
