/**
 * What threads say to each other about HLS: how a stream is packaged, what its packager has made, and who watches.
 * Media crosses as shared memory that nobody writes any more.
 */

/** SRS's `hls` block of a vhost, and what weir adds. Times in milliseconds. */
export interface HlsSettings {
  readonly enabled: boolean;
  readonly fragmentMs: number;
  readonly windowMs: number;
  readonly targetRatio: number;
  readonly aofRatio: number;
  readonly waitKeyframe: boolean;
  readonly tsFloor: boolean;
  /** False: audio is timed by its samples. */
  readonly dtsDirectly: boolean;
  readonly onError: "continue" | "ignore" | "disconnect";
  /** `an`: no audio. */
  readonly audioCodec: string;
  /** `vn`: no video. */
  readonly videoCodec: string;
  readonly isFmp4: boolean;
  readonly isLowLatency: boolean;
  /** Longest part of LL-HLS. */
  readonly partMs: number;
  /** Directory of all files. */
  readonly path: string;
  /** False: nothing is written, viewers are served from memory alone. */
  readonly hasFiles: boolean;
  readonly playlistFile: string;
  readonly tsFile: string;
  readonly fmp4File: string;
  readonly initFile: string;
  readonly entryPrefix: string;
  /** Remove files that left the playlist. */
  readonly cleanup: boolean;
  /** Remove all when there was no media for this long; 0: never. */
  readonly disposeMs: number;
  readonly isEncrypted: boolean;
  readonly fragmentsPerKey: number;
  readonly keyFile: string;
  /** Directory of keys; null: that of the segments, and viewers get them here. */
  readonly keyPath: string | null;
  /** Put before the key's name in playlists; null: keys stand beside the segments. */
  readonly keyUrl: string | null;
  /** Viewers have sessions. */
  readonly hasSessions: boolean;
  /** Segments in a viewer's playlist carry its session. */
  readonly hasSegmentSessions: boolean;
  /** The playlist that gives the session names the other by a relative path. */
  readonly isMasterRelative: boolean;
  /** Where playing needs permission, what a playlist lists is given out for the signature in it. */
  readonly isSigned: boolean;
}

/** Something to be fetched by viewers. Memory: shared, written by nobody any more. */
export interface HlsFile {
  /** Of the packager that made it, never used again by it. */
  readonly id: number;
  /** Decoded path of the URL. */
  readonly path: string;
  /** As in the playlist. */
  readonly uri: string;
  /** Files of a group are signed alike. */
  readonly group: number;
  readonly contentType: string;
  readonly bytes: SharedArrayBuffer;
}

/** A playlist as viewers get it, and what is needed to answer those that wait for its next version. */
export interface HlsPlaylist {
  readonly text: string;
  /** Without what a viewer has already; null: there is no such version. */
  readonly deltaText: string | null;
  /** EXT-X-MEDIA-SEQUENCE. */
  readonly mediaSequence: number;
  /** Parts of each listed segment, oldest first; empty without LL-HLS. */
  readonly parts: readonly number[];
  /** Number of the segment in the making. */
  readonly nextSequence: number;
  /** Its parts so far. */
  readonly openParts: number;
  /** Decoded path of the part that will come next; "" without LL-HLS. */
  readonly hint: string;
  /** Group of what it names and nobody has here: the part that will come next, or keys that somebody else gives out. */
  readonly group: number;
}

/** A finished segment, for those who want to hear of each (`on_hls`). */
export interface HlsSegmentNews {
  readonly sequence: number;
  readonly durationMs: number;
  /** Where the segment and its playlist are written, or would be. */
  readonly file: string;
  readonly playlistFile: string;
  /** As in the playlist. */
  readonly uri: string;
  /** Path of the playlist's URL. */
  readonly playlistPath: string;
}

/** What changed in one stream's output. */
export interface HlsNews {
  readonly kind: "hls";
  /** `vhost/app/stream`. */
  readonly key: string;
  /** Decoded path of the playlist's URL. */
  readonly path: string;
  /** null: there is none any more; undefined: it is as it was. */
  readonly playlist: HlsPlaylist | null | undefined;
  readonly added: readonly HlsFile[];
  /** Ids of files that no viewer can want any more. */
  readonly dropped: readonly number[];
  /** The segment that was finished; null where that is not the news. */
  readonly segment: HlsSegmentNews | null;
  /** The first news of a packager about this key: what an earlier one made leaves after a while. */
  readonly isFirst: boolean;
}

/** What a packager's predecessor has left: their numbers are not used again. Told to each that starts. */
export interface HlsLeft {
  readonly kind: "hls-left";
  /** Playlists as viewers have them. */
  readonly outputs: readonly { readonly key: string; readonly text: string }[];
}

/** What a packager tells of trouble. */
export interface HlsTrouble {
  readonly kind: "hls-trouble";
  readonly key: string;
  readonly text: string;
  /** `hls_on_error disconnect`: the publisher is to leave. */
  readonly disconnect: boolean;
}

/** Sessions that made requests, with the bytes they got, once a second. */
export interface HlsTouches {
  readonly kind: "hls-touched";
  readonly sessions: readonly (readonly [session: string, bytes: number])[];
}

/** Sessions that are over. */
export interface HlsEnded {
  readonly kind: "hls-ended";
  readonly sessions: readonly string[];
  /** They were ended from here: what is asked for under them is refused for so long. 0: it is asked about again. */
  readonly refusedMs: number;
}

/** All windows that there are have been told to a thread that knew none: it may say what is not there. */
export interface HlsTold {
  readonly kind: "hls-told";
}

/** What the primary answers to a request for a playlist. */
export type HlsAnswer =
  /** No playlist of HLS is there. */
  | { readonly kind: "elsewhere" }
  | {
      readonly kind: "refused";
      /** HTTP status. */
      readonly status: number;
      readonly description: string;
      /** Where the playlist is instead; null: nowhere. */
      readonly location: string | null;
    }
  | {
      readonly kind: "admitted";
      readonly key: string;
      /** What requests under it are reported as. */
      readonly session: string;
      /** A session was begun: the viewer is told of it first. */
      readonly isNew: boolean;
      /** The viewer's URLs carry the session. */
      readonly isNamed: boolean;
      readonly hasSegmentSessions: boolean;
      readonly isMasterRelative: boolean;
      /** Whoever asks for the same gets the same: the gateway may answer others by itself for a moment. */
      readonly isForAll: boolean;
      /** A playlist that is not there yet is waited for so long. */
      readonly waitMs: number;
    };
