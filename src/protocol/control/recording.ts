/** What threads say to each other about recordings: how a stream is recorded, and what became of its files. */

/** SRS's `dvr` block of a vhost. Times in milliseconds. */
export interface DvrSettings {
  readonly enabled: boolean;
  /** `all` alone, or streams as `app/stream`. */
  readonly apply: readonly string[];
  /** One file per publish, or one per {@link durationMs}. */
  readonly plan: "session" | "segment";
  /** Template of the file's name; ends in `.flv` or `.mp4`. */
  readonly path: string;
  readonly isMp4: boolean;
  /** A segment ends after so much. */
  readonly durationMs: number;
  readonly waitKeyframe: boolean;
  readonly timeJitter: "full" | "zero" | "off";
}

/** Whether the settings of its vhost are for a stream. @param key `vhost/app/stream` */
export function isRecorded({ enabled, apply }: DvrSettings, key: string): boolean {
  const isForAll = apply.length === 1 && apply[0] === "all";
  return enabled && (isForAll || apply.includes(key.slice(key.indexOf("/") + 1)));
}

/** What a packager tells of recordings. */
export type RecordingNews = {
  readonly kind: "recording";
  /** `vhost/app/stream`. */
  readonly key: string;
} & (
  | { readonly event: "begun"; readonly id: number }
  /** No more is written: `file` has its name, or is '' where nothing has. */
  | {
      readonly event: "ended";
      readonly id: number;
      readonly file: string;
      readonly bytes: number;
      readonly durationMs: number;
    }
  /** Told once, and once when it is over. */
  | { readonly event: "trouble"; readonly text: string }
);
