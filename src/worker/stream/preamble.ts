/**
 * What a player gets before its first ring bytes, in wire form: Set Chunk Size, the play replies when it has not had
 * them, metadata and sequence headers valid at the keyframe, stamped with the keyframe's time.
 * Built once for all players that join at the same keyframe.
 */
import { joinBytes } from "../../protocol/bytes/join-bytes.ts";
import type { KeyframeRef } from "../../protocol/ring/ring-reader.ts";
import { encodeMessage } from "../../protocol/rtmp/chunk-encoder.ts";
import { ChunkStream, MessageType } from "../../protocol/rtmp/message.ts";
import { encodePlayReplies, encodeSetChunkSize } from "../../protocol/rtmp/server-session.ts";
import { decodeHeaderSet } from "./header-set.ts";
import { METADATA_TIMESTAMP } from "./metadata.ts";
import type { RingView } from "./ring-view.ts";

const NONE = new Uint8Array(0);

function chunkStreamOf(type: number): number {
  if (type === MessageType.Video) {
    return ChunkStream.Video;
  }
  return type === MessageType.Audio ? ChunkStream.Audio : ChunkStream.Stream;
}

/** Builds preambles and keeps the last one. */
export class Preamble {
  #key = "";
  #bytes: Uint8Array = NONE;

  /**
   * The preamble of a player that starts at `keyframe` of `view`.
   * @param greet With the play replies (StreamBegin, Reset, Start).
   * @returns **Borrowed** until the next call; null while the headers are being changed.
   */
  encode(
    view: RingView,
    keyframe: KeyframeRef,
    messageStream: number,
    greet: boolean,
  ): Uint8Array | null {
    const key = `${view.ringId}/${keyframe.frame}/${keyframe.headerVersion}/${messageStream}/${greet}`;
    if (key === this.#key) {
      return this.#bytes;
    }
    const { reader } = view;
    const { chunkSize } = reader;
    const headers = reader.headersAt(keyframe.headerVersion);
    if (headers === null) {
      return null;
    }
    const parts = [
      greet ? this.encodeReplies(messageStream, chunkSize) : encodeSetChunkSize(chunkSize),
    ];
    for (const { type, payload } of decodeHeaderSet(headers)) {
      const header = {
        chunkStreamId: chunkStreamOf(type),
        type,
        streamId: messageStream,
        timestamp: type === MessageType.DataAmf0 ? METADATA_TIMESTAMP : keyframe.timestamp >>> 0,
      };
      parts.push(encodeMessage(header, payload, chunkSize));
    }
    this.#bytes = joinBytes(parts);
    this.#key = key;
    return this.#bytes;
  }

  /** The play replies alone, with Set Chunk Size before them. Owned. */
  encodeReplies(messageStream: number, chunkSize: number): Uint8Array {
    return encodePlayReplies(messageStream, chunkSize, true);
  }
}
