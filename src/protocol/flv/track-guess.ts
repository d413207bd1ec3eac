/**
 * Which tracks an FLV stream announces: as configured, or as seen.
 */
import { classifyAudio, classifyVideo, FrameClass } from "./classify.ts";
import { type FlvHeader, FlvTagType } from "./tag.ts";

/** SRS's directives of http_remux. */
export interface TrackGuessOptions {
  readonly hasAudio: boolean;
  readonly hasVideo: boolean;
  /** Announce what has been seen instead. */
  readonly guessHasAv: boolean;
}

/**
 * Looks at the messages that a player will get first, and says what to announce.
 *
 * **Peers**: flv.js and VLC wait for a track that is announced and does not come; an encoder may send a sequence
 * header of a track and then nothing (SRS), so frames outweigh headers.
 */
export class TrackGuess {
  readonly #options: TrackGuessOptions;
  #hasAudioMessage = false;
  #hasVideoMessage = false;
  #audioFrames = 0;
  #videoFrames = 0;

  constructor(options: TrackGuessOptions) {
    this.#options = options;
  }

  /** Take a message into account. **Memory**: allocates nothing. */
  see(type: number, payload: Uint8Array): void {
    if (type === FlvTagType.Audio) {
      this.#hasAudioMessage = true;
      this.#audioFrames += classifyAudio(payload) === FrameClass.Audio ? 1 : 0;
    } else if (type === FlvTagType.Video) {
      const frameClass = classifyVideo(payload);
      const isCoded = frameClass === FrameClass.Keyframe || frameClass === FrameClass.Inter;
      this.#hasVideoMessage = true;
      this.#videoFrames += isCoded ? 1 : 0;
    }
  }

  /** More messages change nothing: frames of both tracks have been seen, or nothing is guessed. */
  get isCertain(): boolean {
    return !this.#options.guessHasAv || (this.#audioFrames > 0 && this.#videoFrames > 0);
  }

  /** What to announce; null while nothing has been seen and a guess is asked for. */
  get header(): FlvHeader | null {
    const { guessHasAv, hasAudio, hasVideo } = this.#options;
    if (!guessHasAv) {
      return { hasAudio, hasVideo };
    }
    const isOnlyVideo = this.#videoFrames > 0 && this.#audioFrames === 0;
    const isOnlyAudio = this.#audioFrames > 0 && this.#videoFrames === 0;
    const header = {
      hasAudio: this.#hasAudioMessage && !isOnlyVideo,
      hasVideo: this.#hasVideoMessage && !isOnlyAudio,
    };
    return header.hasAudio || header.hasVideo ? header : null;
  }
}
