/** A ring as its readers may find it while its writer is at work. */
import { ControlWord, controlWords } from "../../../src/protocol/ring/ring-layout.ts";

/**
 * The moment between the index entry of the message that `write` appends and its head: the entry is there already.
 * @returns what ends the moment.
 */
export function beforeHead(memory: SharedArrayBuffer, write: () => void): () => void {
  const words = controlWords(memory);
  const before = Atomics.load(words, ControlWord.Head);
  write();
  const after = Atomics.exchange(words, ControlWord.Head, before);
  return () => void Atomics.store(words, ControlWord.Head, after);
}
