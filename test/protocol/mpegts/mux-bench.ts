/** Frames made up, and a muxer whose every packet is judged. */
import assert from "node:assert/strict";
import {
  type AudioTrack,
  ElementaryFrame,
  type VideoTrack,
} from "../../../src/protocol/flv/elementary-frame.ts";
import { decodeAacTrack, decodeVideoTrack } from "../../../src/protocol/flv/elementary-tracks.ts";
import { PacketBuffer } from "../../../src/protocol/mpegts/packet-buffer.ts";
import { TsMuxer, type TsMuxerOptions } from "../../../src/protocol/mpegts/ts-muxer.ts";
import { TsCheck, type TsCheckOptions } from "../../support/ts-check.ts";
import { codecFixture } from "../codec-fixture.ts";

export const AVC: VideoTrack | null = decodeVideoTrack("H264", codecFixture("avc-baseline"));
export const HEVC: VideoTrack | null = decodeVideoTrack("HEVC", codecFixture("hevc-main"));
export const AAC: AudioTrack = decodeAacTrack(codecFixture("aac-lc-44100-stereo"));

/** A slice of a few bytes with a length of four. */
export function makeVideo(
  dtsMs: number,
  isKeyframe: boolean,
  units: readonly number[] = [0x65],
): ElementaryFrame {
  const payload = Uint8Array.from(units.flatMap((unit) => [0, 0, 0, 3, unit, 1, 2]));
  const end = payload.length;
  return Object.assign(new ElementaryFrame(), { isVideo: true, isKeyframe, dtsMs, payload, end });
}

export function makeAudio(dtsMs: number, bytes = 20): ElementaryFrame {
  const payload = new Uint8Array(bytes).fill(dtsMs & 255);
  return Object.assign(new ElementaryFrame(), { dtsMs, payload, end: bytes });
}

export class MuxBench {
  readonly muxer: TsMuxer;
  readonly packets: PacketBuffer = new PacketBuffer(2);
  readonly judge: TsCheck;

  constructor(options: TsMuxerOptions = {}, checks: TsCheckOptions = {}) {
    this.muxer = new TsMuxer(options);
    this.judge = new TsCheck(checks);
  }

  write(frame: ElementaryFrame): void {
    this.muxer.write(frame, this.packets);
    this.judge.push(this.packets.take());
  }

  end(): TsCheck {
    this.muxer.flush(this.packets);
    this.judge.push(this.packets.take());
    this.judge.finish();
    assert.deepEqual(this.judge.errors, []);
    return this.judge;
  }
}
