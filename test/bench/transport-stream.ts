/** A transport stream with the bench's stamps in it. */
import { audioHeader, videoHeader } from "../../bench/media/codecs.ts";
import { MediaType, rtmpPackaging } from "../../bench/media/packaging.ts";
import { REFERENCE_SHAPE } from "../../bench/media/stream-shape.ts";
import { FIRST_HEADER_BYTES } from "../../bench/rtmp/chunks.ts";
import { FrameReader } from "../../src/protocol/flv/frame-reader.ts";
import { PacketBuffer } from "../../src/protocol/mpegts/packet-buffer.ts";
import { TsMuxer } from "../../src/protocol/mpegts/ts-muxer.ts";
import { eachFrame } from "./frames.ts";

/** One second of the reference stream as weir's own segments carry it. */
export function makeTransportStream(): Uint8Array {
  const packets = new PacketBuffer(4096);
  const muxer = new TsMuxer();
  const reader = new FrameReader();
  const sink = {
    videoTrack: (track: Parameters<TsMuxer["setVideo"]>[0]) => muxer.setVideo(track),
    audioTrack: (track: Parameters<TsMuxer["setAudio"]>[0]) => muxer.setAudio(track),
    frame: (frame: Parameters<TsMuxer["write"]>[0]) => muxer.write(frame, packets),
  };
  reader.push(MediaType.Video, 0, videoHeader("avc-high"), sink);
  reader.push(MediaType.Audio, 0, audioHeader(), sink);
  for (const { frame, wire } of eachFrame(REFERENCE_SHAPE, rtmpPackaging(1_000_000))) {
    const type = frame.isVideo ? MediaType.Video : MediaType.Audio;
    const payload = wire.subarray(FIRST_HEADER_BYTES);
    reader.push(type, Math.round(frame.timeUs / 1000), payload, sink);
  }
  muxer.flush(packets);
  return packets.take().slice();
}
