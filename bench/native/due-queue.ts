/** What is due when: thousands of timers that cost nothing until their time has come. */
export class DueQueue<One> {
  /** A binary heap: each entry is due no later than the two at twice its place. */
  readonly #heap: { readonly dueUs: number; readonly one: One }[] = [];

  /** When the earliest is due; never when there is none. */
  get nextUs(): number {
    return this.#heap[0]?.dueUs ?? Number.POSITIVE_INFINITY;
  }

  add(dueUs: number, one: One): void {
    const heap = this.#heap;
    const entry = { dueUs, one };
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const other = heap[above];
      if (other === undefined || other.dueUs <= dueUs) {
        break;
      }
      heap[at] = other;
      at = above;
    }
    heap[at] = entry;
  }

  /** Take the earliest out, if it is due by then. */
  take(timeUs: number): One | undefined {
    const heap = this.#heap;
    const [first] = heap;
    if (first === undefined || first.dueUs > timeUs) {
      return undefined;
    }
    const last = heap.pop();
    if (last !== undefined && heap.length > 0) {
      this.#sink(last);
    }
    return first.one;
  }

  /** Put an entry in at the top and let it fall to its place. */
  #sink(entry: { readonly dueUs: number; readonly one: One }): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      const left = at * 2 + 1;
      const isRight = (heap[left + 1]?.dueUs ?? Infinity) < (heap[left]?.dueUs ?? Infinity);
      const below = isRight ? left + 1 : left;
      const other = heap[below];
      if (other === undefined || other.dueUs >= entry.dueUs) {
        heap[at] = entry;
        return;
      }
      heap[at] = other;
      at = below;
    }
  }
}
