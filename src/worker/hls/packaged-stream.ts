/**
 * One stream on its packager: the rings it is read from, its output of HLS from the first media until it is disposed of,
 * and its recorder.
 */
import type { RingLease } from "../../protocol/control/calls.ts";
import type { HlsNews, HlsSettings, HlsTrouble } from "../../protocol/control/hls.ts";
import type { DvrSettings } from "../../protocol/control/recording.ts";
import { decodeResumePoint, type ResumePoint } from "../../protocol/hls/resume.ts";
import type { FileStep } from "../jobs/files.ts";
import { Recorder, type RecorderHost } from "../record/recorder.ts";
import { DiskCopy } from "./disk-copy.ts";
import { leftoverFiles } from "./leftovers.ts";
import { HlsNames } from "./names.ts";
import { HlsOutput } from "./output.ts";
import { StreamFeed } from "./stream-feed.ts";

/** What streams ask of their packager. */
export interface PackagedStreamHost extends RecorderHost {
  /** Number of this thread among all readers. */
  readonly thread: number;
  nextFileId(): number;
  /** The playlist that this thread's predecessor made of a key, "" where there is none; null: that is not told yet. */
  inherited(key: string): string | null;
  runFileSteps(steps: readonly FileStep[]): Promise<string>;
  readSmallText(file: string): Promise<string | null>;
  news(news: HlsNews): void;
  dropped(key: string, ids: readonly number[]): void;
  trouble(trouble: HlsTrouble): void;
  ringReleased(ringId: number): void;
}

/** A stream by its key: it may be published again and again. */
export class PackagedStream {
  readonly key: string;
  readonly #host: PackagedStreamHost;
  readonly #recorder: Recorder;
  #settings: HlsSettings | null = null;
  #feed: StreamFeed | null = null;
  #output: HlsOutput | null = null;
  #disk: DiskCopy | null = null;
  /** Ended by a change of settings, until when their files are fetched. */
  readonly #retired: { readonly output: HlsOutput; readonly untilMs: number }[] = [];
  #inits = 0;
  /** Of an earlier life, and until when they may be fetched from the disk by others. */
  #leftovers: { readonly files: readonly string[]; readonly untilMs: number } | null = null;
  /** Where the last output ended; null: it is to be asked of the disk. */
  #resume: ResumePoint | null = null;
  #isResuming = false;
  #isBehind = false;
  #hasTold = false;
  /** `hls_on_error ignore`: nothing more is made of this publish. */
  #isGivenUp = false;
  /** The directory knows nothing of it any more. */
  #isForgotten = false;
  /** The publisher is gone, and no other one has come. */
  #isOver = false;
  /** The disk has failed since the last turn: it may say so in the middle of a segment's end. */
  #isToBeGivenUp = false;
  /** Times that messages were overwritten before they were read. */
  laps = 0;
  /** Milliseconds, monotonic, since when there is neither ring nor output. */
  #idleSince: number;

  constructor(key: string, host: PackagedStreamHost) {
    this.key = key;
    this.#host = host;
    this.#recorder = new Recorder(key, host);
    this.#idleSince = host.now();
  }

  /** How it is packaged and recorded from now on; null: not at all. A change ends the segment in the making. */
  change(settings: HlsSettings | null, dvr: DvrSettings | null = null): void {
    const wasRecorded = this.#recorder.isWanted;
    this.#recorder.change(dvr);
    if (!wasRecorded) {
      // It may know no headers: messages nobody wants are not read.
      this.#feed?.renew();
    }
    const isSame = JSON.stringify(settings) === JSON.stringify(this.#settings);
    this.#settings = settings;
    if (!isSame && this.#output !== null) {
      this.#endOutput(settings === null || !isSamePlace(settings, this.#output.settings));
    }
  }

  /** A ring of the stream, to be read after those before it. */
  openRing(lease: RingLease): void {
    this.#feed ??= new StreamFeed(
      {
        message: (type, timestamp, payload) => this.#message(type, timestamp, payload),
        began: ({ isPushed = false }, isWhole) => this.#recorder.begin(isWhole, isPushed),
        ended: () => {
          this.#output?.finish();
          this.#recorder.ended();
          this.#isOver = true;
          if (this.#feed?.isOpen) {
            this.#begin();
          }
        },
        lost: () => {
          this.laps += 1;
          this.#output?.finish();
          this.#recorder.lost();
        },
        ringReleased: (ringId) => this.#host.ringReleased(ringId),
      },
      this.#settings?.isLowLatency === true ? this.#host.thread : null,
    );
    this.#isForgotten = false;
    this.#feed.openRing(lease);
    if (this.#isOver) {
      this.#begin();
    }
  }

  /** Takes what came, and what is left of it after other streams had their turn. */
  advance(): void {
    if (this.#feed === null) {
      return;
    }
    this.#giveUp();
    const settings = this.#isGivenUp ? null : this.#settings;
    if (settings !== null && this.#feed.isOpen && !this.#isReady(settings)) {
      return;
    }
    const isRead = this.#feed.advance(settings !== null || this.#recorder.isWanted);
    if (isRead && this.#isForgotten) {
      this.#closeFeed();
    } else if (!(isRead || this.#isBehind)) {
      this.#isBehind = true;
      setImmediate(() => {
        this.#isBehind = false;
        this.advance();
      });
    }
    this.#output?.flush();
  }

  /** Every second: what is stale leaves. */
  tickSlow(): void {
    this.#output?.flush();
    this.#recorder.tick();
    if (this.#output?.isStale) {
      this.#endOutput(true);
    }
    const now = this.#host.now();
    if ((this.#leftovers?.untilMs ?? now) < now) {
      this.#removeLeftovers();
    }
    while ((this.#retired[0]?.untilMs ?? now) < now) {
      this.#retired.shift()?.output.retire();
    }
    const hasOutput = this.#output !== null || this.#retired.length > 0;
    if (hasOutput || this.#feed?.isOpen || this.#recorder.isBusy) {
      this.#idleSince = now;
    }
  }

  /** Bytes of its outputs in memory, ended ones too. */
  get bytes(): number {
    return this.#retired.reduce((sum, { output }) => sum + output.bytes, this.#output?.bytes ?? 0);
  }

  /** Lets the oldest segment go before its time. @returns false when no more can be spared. */
  shrink(): boolean {
    const retired = this.#retired.shift();
    if (retired !== undefined) {
      retired.output.retire();
      return true;
    }
    return this.#output?.shrink() ?? false;
  }

  /** Nothing is published here, and the directory has forgotten it: what its rings still hold is taken. */
  forget(): void {
    this.#isForgotten = true;
    this.advance();
  }

  /** Milliseconds without ring and output. */
  get idleMs(): number {
    return this.#host.now() - this.#idleSince;
  }

  /** Ends what is being made; resolves when it is on disk. What was made stays, so that the next server goes on from it. */
  async close(): Promise<void> {
    this.forget();
    this.#closeFeed();
    this.#output?.finish();
    await Promise.all([this.#recorder.close(), this.#disk?.settled()]);
  }

  /** An output for what comes; false while it is not known where an earlier one ended. */
  #isReady(settings: HlsSettings): boolean {
    if (this.#output !== null) {
      return true;
    }
    if (this.#resume === null) {
      this.#askResume(settings);
    }
    if (this.#resume === null) {
      return false;
    }
    this.#disk = settings.hasFiles ? this.#newDisk(settings) : null;
    this.#output = new HlsOutput({
      key: this.key,
      settings,
      resume: this.#resume,
      disk: this.#disk,
      host: this.#host,
      isFirst: !this.#hasTold,
      inits: this.#inits,
    });
    if (!this.#hasTold && settings.hasFiles && settings.cleanup) {
      const { firstSequence } = this.#resume;
      const files = leftoverFiles(new HlsNames(this.key, settings), settings, firstSequence);
      this.#leftovers = { files, untilMs: this.#host.now() + this.#output.graceMs };
    }
    this.#hasTold = true;
    this.#feed?.renew();
    return true;
  }

  /** What this thread's predecessor, or the server's, has left on disk. */
  #removeLeftovers(): void {
    for (const file of this.#leftovers?.files ?? []) {
      this.#disk?.remove(file);
    }
    this.#leftovers = null;
  }

  #askResume(settings: HlsSettings): void {
    // What viewers have is newer than any file.
    const inherited = this.#host.inherited(this.key);
    this.#resume = decodeResumePoint(inherited ?? "");
    if (inherited === null || this.#resume !== null) {
      return;
    }
    if (!settings.hasFiles) {
      this.#resume = this.#unusedNumbers();
      return;
    }
    if (!this.#isResuming) {
      this.#isResuming = true;
      const { file } = new HlsNames(this.key, settings).playlist;
      void this.#host.readSmallText(file).then((text) => {
        this.#isResuming = false;
        const first = { firstSequence: 0, firstDiscontinuity: 0, earlierTargetMs: 0 };
        // A disk that does not answer may have a playlist with any numbers.
        this.#resume ??= text === null ? this.#unusedNumbers() : (decodeResumePoint(text) ?? first);
        this.advance();
      });
    }
  }

  /** Numbers must not be used again after a restart of which nothing else is left. */
  #unusedNumbers(): ResumePoint {
    const firstSequence = Math.floor(this.#host.wallMs() / 1000);
    return { firstSequence, firstDiscontinuity: 0, earlierTargetMs: 0 };
  }

  #closeFeed(): void {
    this.#feed?.close();
    this.#feed = null;
  }

  /** Another publish: that the one before was given up says nothing of it, and a disk that still fails is told of again. */
  #begin(): void {
    this.#isOver = false;
    this.#isGivenUp = false;
    this.#isToBeGivenUp = false;
    this.#disk?.begin();
  }

  /** What was made so far is all that viewers get of this publish. */
  #giveUp(): void {
    if (this.#isToBeGivenUp) {
      this.#isToBeGivenUp = false;
      this.#isGivenUp = true;
      this.#output?.finish();
    }
  }

  #message(type: number, timestamp: number, payload: Uint8Array): void {
    if (!this.#isGivenUp) {
      this.#output?.message(type, timestamp, payload);
    }
    this.#recorder.message(type, timestamp, payload);
  }

  #endOutput(isDisposed: boolean): void {
    const output = this.#output;
    if (output === null) {
      return;
    }
    output.finish();
    this.#resume = output.resume;
    this.#inits = output.inits;
    if (isDisposed) {
      output.dispose();
      this.#removeLeftovers();
    } else {
      this.#retired.push({ output, untilMs: this.#host.now() + output.graceMs });
    }
    this.#output = null;
  }

  #newDisk({ onError }: HlsSettings): DiskCopy {
    const { key } = this;
    return new DiskCopy({
      runFileSteps: (steps) => this.#host.runFileSteps(steps),
      failed: (text) => {
        this.#isToBeGivenUp = onError === "ignore" && this.#feed?.isOpen === true;
        this.#host.trouble({
          kind: "hls-trouble",
          key,
          text,
          disconnect: onError === "disconnect",
        });
      },
      recovered: () =>
        this.#host.trouble({ kind: "hls-trouble", key, text: "written again", disconnect: false }),
    });
  }
}

function isSamePlace(one: HlsSettings, other: HlsSettings): boolean {
  return one.playlistFile === other.playlistFile && one.path === other.path;
}
