/**
 * A recording's file on its way to the disk: what is ready waits in order, and jobs write it. Nobody waits for it; who
 * fills it looks at how much waits.
 */
import type { FilePatch, RecordingResult, RecordingStep } from "../jobs/recordings.ts";

/** What is written so far. */
export interface Written {
  readonly bytes: number;
  readonly durationMs: number;
}

/** A file and its turn. */
export interface GrowingFileOptions {
  /** The name that it is to have; another one where there is such a file. */
  readonly file: string;
  /** Nothing is done before: files of a stream come one after the other. */
  readonly after: Promise<void>;
}

/** What a file works with. */
export interface GrowingFileHost {
  /** Never rejects. */
  runRecordingStep(step: RecordingStep): Promise<RecordingResult>;
  /** What stands at the beginning by the end. */
  patches(written: Written): readonly FilePatch[];
  /** So much more is on disk. */
  wrote(bytes: number): void;
  /** Nothing more can be written; {@link GrowingFileHost.ended} follows. */
  failed(text: string): void;
  /** It has its name, "" where nothing has. */
  ended(file: string, written: Written): void;
}

interface Piece {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of the file with this piece. */
  readonly durationMs: number;
}

/** One file. */
export class GrowingFile {
  readonly #host: GrowingFileHost;
  #file: string;
  #isOpen = false;
  #pieces: Piece[] = [];
  #written: Written = { bytes: 0, durationMs: 0 };
  #isFinishing = false;
  #hasFailed = false;
  #hasEnded = false;
  #running: Promise<void> | null = null;
  /** Bytes that are not on disk. */
  waitingBytes = 0;
  /** Resolves when it has its name, or never gets one. */
  readonly done: Promise<void>;
  #resolveDone: () => void = () => undefined;
  readonly #after: Promise<void>;

  constructor({ file, after }: GrowingFileOptions, host: GrowingFileHost) {
    this.#file = file;
    this.#after = after;
    this.#host = host;
    this.done = new Promise<void>((resolve) => {
      this.#resolveDone = resolve;
    });
  }

  /** **Memory**: the bytes are taken over. */
  write(bytes: Uint8Array<ArrayBuffer>, durationMs: number): void {
    if (bytes.length > 0 && !this.#hasFailed) {
      this.#pieces.push({ bytes, durationMs });
      this.waitingBytes += bytes.length;
      this.#start();
    }
  }

  /** Nothing more comes. */
  finish(): void {
    this.#isFinishing = true;
    if (this.#hasWork) {
      this.#start();
    }
  }

  get #hasWork(): boolean {
    return !this.#hasEnded && (this.#pieces.length > 0 || this.#isFinishing || this.#hasFailed);
  }

  #start(): void {
    this.#running ??= this.#work().then(() => {
      this.#running = null;
      if (this.#hasWork) {
        this.#start();
      }
    });
  }

  async #work(): Promise<void> {
    await this.#after;
    while (this.#pieces.length > 0 && !this.#hasFailed) {
      await this.#writePieces();
    }
    if (this.#hasWork) {
      await this.#finish();
    }
  }

  async #writePieces(): Promise<void> {
    if (!this.#isOpen) {
      const opened = await this.#host.runRecordingStep({ kind: "open", file: this.#file });
      if (opened.failure !== "") {
        this.#fail(opened.failure);
        return;
      }
      this.#isOpen = true;
      this.#file = opened.file;
    }
    const pieces = this.#pieces.splice(0);
    const bytes = join(pieces);
    const { length } = bytes;
    const durationMs = pieces.at(-1)?.durationMs ?? 0;
    const position = this.#written.bytes;
    const step: RecordingStep = { kind: "append", file: this.#file, position, bytes };
    const { failure } = await this.#host.runRecordingStep(step);
    this.waitingBytes -= length;
    if (failure === "") {
      this.#written = { bytes: position + length, durationMs };
      this.#host.wrote(length);
    } else {
      this.#fail(failure);
    }
  }

  /** What is on disk is finished all the same. */
  #fail(text: string): void {
    this.#hasFailed = true;
    this.#pieces = [];
    this.waitingBytes = 0;
    this.#host.failed(text);
  }

  async #finish(): Promise<void> {
    this.#hasEnded = true;
    const written = this.#written;
    let file = "";
    if (this.#isOpen) {
      const patches = written.bytes === 0 ? [] : this.#host.patches(written);
      const step = { kind: "finish", file: this.#file, size: written.bytes, patches } as const;
      const result = await this.#host.runRecordingStep(step);
      file = result.failure === "" ? result.file : "";
      if (result.failure !== "" && !this.#hasFailed) {
        this.#fail(result.failure);
      }
    }
    this.#host.ended(file, written);
    this.#resolveDone();
  }
}

function join(pieces: readonly Piece[]): Uint8Array<ArrayBuffer> {
  const [first] = pieces;
  if (pieces.length === 1 && first !== undefined) {
    return first.bytes;
  }
  const all = new Uint8Array(pieces.reduce((sum, { bytes }) => sum + bytes.length, 0));
  let offset = 0;
  for (const { bytes } of pieces) {
    all.set(bytes, offset);
    offset += bytes.length;
  }
  return all;
}
