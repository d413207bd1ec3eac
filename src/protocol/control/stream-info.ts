/** What a stream carries, as its writer tells it when it changes. */

/** The video of a stream. null: its bytes do not say. */
export interface VideoInfo {
  /** `H264`, `HEVC`, `AV1` … */
  readonly codec: string;
  readonly profile: string | null;
  readonly level: string | null;
  /** Luma samples. */
  readonly width: number | null;
  readonly height: number | null;
}

/** The audio of a stream. null: its bytes do not say. */
export interface AudioInfo {
  /** `AAC`, `MP3`, `Opus` … */
  readonly codec: string;
  /** Hz. */
  readonly sampleRate: number | null;
  readonly channels: number | null;
  readonly profile: string | null;
}

/** Posted by the shard that writes a stream, at most once a second. */
export interface StreamInfo {
  readonly kind: "stream-info";
  readonly streamId: number;
  /** null: none has come. */
  readonly video: VideoInfo | null;
  readonly audio: AudioInfo | null;
}
