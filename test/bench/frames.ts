/** The bench's synthetic stream as wire bytes, and the frames that a reader should find in it. */
import type { Packaging } from "../../bench/media/packaging.ts";
import { AUDIO_INTERVAL_US, type StreamShape } from "../../bench/media/stream-shape.ts";
import { type FrameTemplate, SyntheticStream } from "../../bench/media/synthetic-stream.ts";

export interface StampedFrame {
  readonly isVideo: boolean;
  readonly sequence: number;
  readonly timeUs: number;
  readonly sizeBytes: number;
}

/** Frames in the order of their times, one second of video, with their wire forms. */
export function* eachFrame(
  shape: StreamShape,
  packaging: Packaging,
): Generator<{ frame: StampedFrame; wire: Uint8Array }> {
  const stream = new SyntheticStream(shape, packaging);
  const intervalUs = 1_000_000 / shape.fps;
  let video = 0;
  let audio = 0;
  const fill = (template: FrameTemplate, sequence: number, timeUs: number): Uint8Array => {
    stream.fill(template, {
      streamId: 1,
      timestampMs: Math.round(timeUs / 1000),
      publisher: 5,
      sequence,
      timeUs: Math.floor(timeUs),
    });
    return stream.memory.bytes.slice(template.offset, template.offset + template.wireBytes);
  };
  while (video < shape.fps) {
    const isVideo = video * intervalUs <= audio * AUDIO_INTERVAL_US;
    const sequence = isVideo ? video++ : audio++;
    const timeUs = Math.floor(sequence * (isVideo ? intervalUs : AUDIO_INTERVAL_US));
    const template = isVideo ? stream.videoFrame(sequence) : stream.audio;
    const wire = fill(template, sequence, timeUs);
    yield { frame: { isVideo, sequence, timeUs, sizeBytes: template.payloadBytes }, wire };
  }
}

/** All frames, and headers and frames joined. */
export function packStream(
  shape: StreamShape,
  packaging: Packaging,
): { readonly frames: readonly StampedFrame[]; readonly wire: Buffer } {
  const all = [...eachFrame(shape, packaging)];
  const headers = new SyntheticStream(shape, packaging).headers(1);
  return {
    frames: all.map(({ frame }) => frame),
    wire: Buffer.concat([headers, ...all.map(({ wire }) => wire)]),
  };
}
