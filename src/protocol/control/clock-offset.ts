/**
 * How far two clocks of one host are apart. Each thread has a cheap clock that counts from its own beginning; times that
 * threads tell each other are of one clock of the host, so each knows its distance from that one.
 */

const SAMPLES = 32;

/**
 * What has to be added to `clock` to get `reference`. A thread may be kept waiting between two readings, for
 * milliseconds where many start together: the readings that lie nearest to each other count.
 * @param clock as `reference` never goes back, and goes as fast
 */
export function offsetBetween(clock: () => number, reference: () => number): number {
  let nearest = Number.POSITIVE_INFINITY;
  let offset = 0;
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const before = clock();
    const read = reference();
    const apart = clock() - before;
    if (apart < nearest) {
      nearest = apart;
      offset = read - (before + apart / 2);
    }
  }
  return offset;
}
