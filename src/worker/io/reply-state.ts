/** Whether an HTTP reply is still to be given, whichever library gives it: it is answered once, or its client leaves. */

/** The state of one reply. */
export class ReplyState {
  #isOpen = true;
  #onGone: (() => void) | undefined;

  /** The client is still there and nothing was answered. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Tells when the client leaves before it was answered. */
  onGone(callback: () => void): void {
    this.#onGone = callback;
  }

  /** It is answered now. @returns false when it was before, or the client left. */
  answer(): boolean {
    const wasOpen = this.#isOpen;
    this.#isOpen = false;
    return wasOpen;
  }

  /** The connection is over, answered or not. */
  leave(): void {
    if (this.answer()) {
      this.#onGone?.();
    }
  }
}
