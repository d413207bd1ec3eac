/**
 * Signatures of what playlists list: made for viewers that were given a playlist, and known by every gateway that has
 * the secret. Each covers a stream, a group of its files, and the viewer's session where URLs carry it.
 */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";
import { HLS_SIGNATURES_KEPT_MAX } from "../../protocol/limits.ts";

/** 128 bits, as text. */
const CHARACTERS = 22;

/** What a signature covers. */
export interface Signed {
  /** `vhost/app/stream`. */
  readonly key: string;
  readonly group: number;
  /** '' where URLs carry none. */
  readonly session: string;
}

/** Of one secret. Memory: the signatures that were made or seen last, at most {@link HLS_SIGNATURES_KEPT_MAX}. */
export class Signatures {
  readonly #secret: KeyObject;
  /** By what they cover; when the newer ones are many they become the older ones. */
  #newer = new Map<string, Buffer>();
  #older = new Map<string, Buffer>();

  constructor(secret: Uint8Array) {
    this.#secret = createSecretKey(secret);
  }

  /** How many are remembered. */
  get kept(): number {
    return this.#newer.size + this.#older.size;
  }

  /** **Shape**: characters of base64url. */
  sign(signed: Signed): string {
    const text = textOf(signed);
    const signature = this.#find(text) ?? this.#make(text);
    this.#keep(text, signature);
    return signature.toString("latin1");
  }

  /** @param given What the viewer says its signature is: as long as it likes, and anything. */
  isRight(given: string, signed: Signed): boolean {
    if (given.length !== CHARACTERS) {
      return false;
    }
    const text = textOf(signed);
    const known = this.#find(text);
    const signature = known ?? this.#make(text);
    const bytes = Buffer.from(given, "latin1");
    const isRight = timingSafeEqual(bytes, signature);
    if (isRight && known === undefined) {
      // Only what was given out: nobody fills this memory with what he makes up.
      this.#keep(text, signature);
    }
    return isRight;
  }

  #find(text: string): Buffer | undefined {
    return this.#newer.get(text) ?? this.#older.get(text);
  }

  #make(text: string): Buffer {
    const digest = createHmac("sha256", this.#secret).update(text).digest("base64url");
    return Buffer.from(digest.slice(0, CHARACTERS), "latin1");
  }

  #keep(text: string, signature: Buffer): void {
    if (this.#newer.has(text)) {
      return;
    }
    if (this.#newer.size >= HLS_SIGNATURES_KEPT_MAX / 2) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(text, signature);
  }
}

/** One text for each: the session, which the viewer tells, is kept apart by its length. */
function textOf({ key, group, session }: Signed): string {
  return `${group} ${session.length} ${session} ${key}`;
}
