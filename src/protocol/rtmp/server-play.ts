/**
 * Playing on a NetStream on the server's side.
 */
import type { AmfValue } from "../amf/amf-value.ts";
import { InvariantError } from "../errors.ts";
import type { Command } from "./command.ts";
import { entriesAt, finiteNumber, streamNameOf } from "./command.ts";
import { encodePauseReplies, encodePlayReplies, encodeStreamStatus } from "./server-replies.ts";
import type { Dialogue, NetStream } from "./server-session-state.ts";
import { findStream, putStream, requestOf, resolveStream, write } from "./server-session-state.ts";
import type { PlayOptions } from "./server-session-types.ts";
import type { Refusal } from "./server-streams.ts";
import {
  closeLive,
  openStreamFor,
  refuseStream,
  resolveTarget,
  writeRefusal,
} from "./server-streams.ts";

/** Counted in 32 bits: 24 days. */
const PLAY_DURATION_MS_MAX = 0x7f_ff_ff_ff;
const FAILED = "NetStream.Play.Failed";

/**
 * play. A NetStream that plays already changes over: its play ends first.
 * @throws RejectedError after its status was written, when the name is bad and nothing else lives on the connection
 */
export function requestPlay(dialogue: Dialogue, streamId: number, command: Command): void {
  startPlay(dialogue, streamId, streamNameOf(command.args[1]), readOptions(command));
}

/** play2: Flash's change of bit rate, taken as a play of the stream it names. */
export function requestPlay2(dialogue: Dialogue, streamId: number, command: Command): void {
  const parameters = entriesAt(command, 1);
  const name = streamNameOf(parameters?.get("streamName"));
  startPlay(dialogue, streamId, name, { start: -2, durationMs: 0, reset: true });
}

/** Writes the replies of an accepted play, or none when the caller sends its own preamble. */
export function acceptPlay(dialogue: Dialogue, streamId: number, silent: boolean): void {
  const { state } = dialogue;
  const stream = requested(dialogue, streamId);
  putStream(state, { ...stream, kind: "playing" });
  dialogue.decoder.identified = true;
  if (!silent) {
    write(dialogue, encodePlayReplies(streamId, state.chunkSizeOut, false));
  }
}

/** Writes the refusal of a play. @throws InvariantError when none was asked for */
export function rejectPlay(dialogue: Dialogue, streamId: number, refusal: Refusal): void {
  requested(dialogue, streamId);
  writeRefusal(dialogue, streamId, refusal);
}

/** The server ends a play: onStatus with this code. The host knows already; the NetStream can be used again. */
export function endPlay(
  dialogue: Dialogue,
  streamId: number,
  code: string,
  description: string,
): void {
  const { state } = dialogue;
  if (findStream(state, streamId)?.kind === "playing") {
    putStream(state, { kind: "idle", id: streamId });
    write(dialogue, encodeStreamStatus(streamId, "status", code, description, state.chunkSizeOut));
  }
}

/** pause and pauseRaw. */
export function pause(dialogue: Dialogue, streamId: number, command: Command): void {
  const stream = playing(dialogue, streamId);
  if (stream === undefined) {
    return;
  }
  const paused = command.args[1] === true;
  write(dialogue, encodePauseReplies(stream.id, paused, dialogue.state.chunkSizeOut));
  dialogue.sink.pause(stream.id, paused);
}

/** seek: a live stream has no past; the play goes on (A5-18). */
export function seek(dialogue: Dialogue, streamId: number): void {
  const stream = playing(dialogue, streamId);
  if (stream === undefined) {
    return;
  }
  const code = "NetStream.Seek.Failed";
  const { chunkSizeOut } = dialogue.state;
  const description = "A live stream cannot seek.";
  write(dialogue, encodeStreamStatus(stream.id, "error", code, description, chunkSizeOut));
}

/** receiveAudio and receiveVideo. */
export function receive(
  dialogue: Dialogue,
  streamId: number,
  kind: "audio" | "video",
  value: AmfValue,
): void {
  const stream = playing(dialogue, streamId);
  if (stream !== undefined) {
    dialogue.sink.receive(stream.id, kind, value !== false);
  }
}

function startPlay(
  dialogue: Dialogue,
  streamId: number,
  name: string | undefined,
  options: PlayOptions,
): void {
  const { state } = dialogue;
  const stream = openStreamFor(dialogue, streamId);
  if (stream === undefined || name === undefined || stream.kind === "publishing") {
    const message = "No such stream or name, or the message stream publishes.";
    refuseStream(dialogue, stream?.id ?? streamId, {
      status: FAILED,
      code: "ERR_RTMP_STREAM_NAME",
      message,
    });
    return;
  }
  const target = resolveTarget(dialogue, stream.id, name, FAILED);
  if (target === undefined) {
    return;
  }
  if (stream.kind === "playing") {
    closeLive(dialogue, stream);
  }
  putStream(state, { kind: "play-requested", id: stream.id, target });
  dialogue.sink.play(stream.id, requestOf(state, target), options);
}

function readOptions(command: Command): PlayOptions {
  const reset = command.args[4];
  return {
    start: finiteNumber(command.args[2], -2),
    durationMs: durationOf(finiteNumber(command.args[3], -1)),
    reset: typeof reset === "number" ? reset !== 0 : reset !== false,
  };
}

/** What is too long to be counted has no end. */
function durationOf(duration: number): number {
  return duration > 0 && duration <= PLAY_DURATION_MS_MAX ? Math.trunc(duration) : 0;
}

function requested(
  dialogue: Dialogue,
  streamId: number,
): Extract<NetStream, { kind: "play-requested" | "playing" }> {
  const stream = findStream(dialogue.state, streamId);
  if (stream?.kind !== "play-requested") {
    throw new InvariantError(`play answered on message stream ${streamId}`);
  }
  return stream;
}

function playing(dialogue: Dialogue, streamId: number): NetStream | undefined {
  const stream = resolveStream(dialogue.state, streamId);
  if (stream?.kind === "playing") {
    return stream;
  }
  dialogue.sink.ignored?.("not-playing");
  return undefined;
}
