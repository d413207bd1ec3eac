/** Bytes that may wait unsent in a player's socket: one second of the stream, within bounds. */

/** The least allowed. Units: bytes. */
export const UNSENT_BYTES_MIN: number = 64 * 1024;
const UNSENT_BYTES_MAX = 1024 * 1024;
/** A change of the stream's rate by less than this share is not passed on to sockets. */
const CHANGE_MIN = 0.25;

/** The limit for a stream of `bytesPerSecond`, or the present one as long as that is near enough. */
export function unsentLimit(presentBytes: number, bytesPerSecond: number): number {
  const wanted = Math.min(UNSENT_BYTES_MAX, Math.max(UNSENT_BYTES_MIN, bytesPerSecond));
  return Math.abs(wanted - presentBytes) <= presentBytes * CHANGE_MIN ? presentBytes : wanted;
}
