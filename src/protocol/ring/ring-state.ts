/**
 * What the primary may change in a ring that it does not write: declare it dead after its writer's thread has exited,
 * and name the ring that goes on in its place.
 */
import { InvariantError } from "../errors.ts";
import { ControlWord, controlWords, formattedLayout, NO_RING, RingState } from "./ring-layout.ts";

/**
 * Declare a ring dead. Call it after the writing thread's exit, never before: a ring has one writer.
 * A ring that its writer had already ended keeps its state and successor.
 * @returns true when the ring was open (or not opened yet) and is now dead.
 */
export function markRingDead(sab: SharedArrayBuffer, successorId: number = NO_RING): boolean {
  formattedLayout(sab);
  const words = controlWords(sab);
  const state = Atomics.load(words, ControlWord.State);
  if (state !== 0 && state !== RingState.Open) {
    return false;
  }
  Atomics.store(words, ControlWord.Successor, successorId);
  Atomics.store(words, ControlWord.State, RingState.Dead);
  return true;
}

/**
 * Name the successor of a ring that ended or died without one, for its readers that still wait.
 * @throws InvariantError when the ring is open: its writer names the successor itself, in `end`.
 */
export function nameSuccessor(sab: SharedArrayBuffer, successorId: number): void {
  formattedLayout(sab);
  const words = controlWords(sab);
  const state = Atomics.load(words, ControlWord.State);
  if (state === 0 || state === RingState.Open) {
    throw new InvariantError("a successor named for an open ring");
  }
  Atomics.store(words, ControlWord.Successor, successorId);
}
