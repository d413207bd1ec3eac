/**
 * Which command does what on the server's side.
 */
import { LimitError } from "../errors.ts";
import { STREAMS_PER_CONNECTION_MAX } from "../limits.ts";
import type { Command } from "./command.ts";
import { requestConnect } from "./server-connect.ts";
import { pause, receive, requestPlay, requestPlay2, seek } from "./server-play.ts";
import {
  announcePublish,
  closeStream,
  deleteStream,
  releaseStream,
  requestPublish,
  unpublish,
} from "./server-publish.ts";
import { encodeError, encodeNullResult, encodeResult } from "./server-replies.ts";
import type { Dialogue } from "./server-session-state.ts";
import { findStream, putStream, write } from "./server-session-state.ts";

type Act = (dialogue: Dialogue, streamId: number, command: Command) => void;

/** Commands of a connected client. Whatever is not here gets a `_result` of null (A5-16). */
const ACTS: ReadonlyMap<string, Act> = new Map<string, Act>([
  ["connect", (dialogue, _streamId, command) => requestConnect(dialogue, command)],
  ["createStream", (dialogue, _streamId, command) => createStream(dialogue, command)],
  ["releaseStream", (dialogue, _streamId, command) => releaseStream(dialogue, command)],
  ["FCPublish", (dialogue, _streamId, command) => announcePublish(dialogue, command)],
  ["FCUnpublish", (dialogue, _streamId, command) => unpublish(dialogue, command)],
  ["publish", requestPublish],
  ["play", requestPlay],
  ["play2", requestPlay2],
  ["getStreamLength", (dialogue, _streamId, command) => getStreamLength(dialogue, command)],
  ["pause", pause],
  ["pauseRaw", pause],
  ["seek", seek],
  ["receiveAudio", (dialogue, id, command) => receive(dialogue, id, "audio", command.args[1])],
  ["receiveVideo", (dialogue, id, command) => receive(dialogue, id, "video", command.args[1])],
  ["closeStream", closeStream],
  ["deleteStream", (dialogue, _streamId, command) => deleteStream(dialogue, command)],
]);

/** Replies of the client to what the server sent; they need no answer. */
const REPLIES: ReadonlySet<string> = new Set(["_result", "_error", "onStatus"]);

/** Commands that are answered before connect even without a transaction id: their senders wait. */
const STREAM_COMMANDS: ReadonlySet<string> = new Set(["createStream", "publish", "play"]);

/**
 * Acts on one command of the client.
 * @throws RejectedError after the refusal was written: flush and close
 * @throws LimitError ERR_RTMP_STREAM_LIMIT
 */
export function actOnCommand(dialogue: Dialogue, streamId: number, command: Command): void {
  if (REPLIES.has(command.name)) {
    dialogue.sink.ignored?.("reply");
    return;
  }
  if (dialogue.state.connection.kind === "unconnected" && command.name !== "connect") {
    refuseUnconnected(dialogue, command);
    return;
  }
  const act = ACTS.get(command.name);
  if (act !== undefined) {
    act(dialogue, streamId, command);
    return;
  }
  if (command.transactionId > 0) {
    write(dialogue, encodeNullResult(command.transactionId, dialogue.state.chunkSizeOut));
  }
}

function refuseUnconnected(dialogue: Dialogue, command: Command): void {
  if (command.transactionId > 0 || STREAM_COMMANDS.has(command.name)) {
    const status = { code: "NetConnection.Call.Failed", description: "Not connected." };
    write(dialogue, encodeError(command.transactionId, status, dialogue.state.chunkSizeOut));
  }
}

function createStream(dialogue: Dialogue, command: Command): void {
  const { state } = dialogue;
  let id = 1;
  while (findStream(state, id) !== undefined) {
    id++;
  }
  if (id > STREAMS_PER_CONNECTION_MAX) {
    throw new LimitError("ERR_RTMP_STREAM_LIMIT", "too many message streams", {
      spec: "RTMP 1.0 §7.2.1.3",
    });
  }
  putStream(state, { kind: "idle", id });
  state.hasCreated = true;
  write(dialogue, encodeResult(command.transactionId, id, state.chunkSizeOut));
}

/** ffmpeg asks before it plays; a live stream has no length. */
function getStreamLength(dialogue: Dialogue, command: Command): void {
  if (command.transactionId > 0) {
    write(dialogue, encodeResult(command.transactionId, 0, dialogue.state.chunkSizeOut));
  }
}
