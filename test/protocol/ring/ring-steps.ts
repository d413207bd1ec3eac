/**
 * Threads share memory step by step, and whoever looks may do so between any two steps. Here one thread does both: it
 * works, and at each Atomics operation of the work another one has its turn, before and after it. Plain stores and loads
 * stand between two operations, so that every order that memory can show is looked at, for certain and each time.
 */

type Operation = (...values: unknown[]) => unknown;

/** Work of more steps has no end. */
const TURNS_MAX = 100_000;

const NAMES = ["load", "store", "exchange", "compareExchange", "or", "and", "add"] as const;
const operations = Atomics as unknown as Record<(typeof NAMES)[number], Operation>;

/**
 * Does `work`, with a turn of `other` before and after each Atomics operation in it. What `other` does itself is one
 * step. @param other is told the number of the turn, from 0
 * @returns turns
 * @throws Error when there is no end to them
 */
export function betweenSteps(work: () => void, other: (turn: number) => void): number {
  const originals = { ...pick() };
  let turns = 0;
  let isOther = false;
  const turn = (): void => {
    if (!isOther) {
      isOther = true;
      other(turns);
      turns += 1;
      if (turns > TURNS_MAX) {
        throw new Error("no end");
      }
      isOther = false;
    }
  };
  for (const name of NAMES) {
    operations[name] = (...values) => {
      turn();
      const result = originals[name](...values);
      turn();
      return result;
    };
  }
  try {
    work();
  } finally {
    Object.assign(operations, originals);
  }
  return turns;
}

/**
 * Does `work` again and again, from `prepare` on, each time with `other` at another one of its turns, until each was
 * taken. `check` gets what `work` returned.
 */
export function atEachStep<Result>(what: {
  readonly prepare: () => void;
  readonly work: () => Result;
  readonly other: () => void;
  readonly check: (result: Result) => void;
}): number {
  for (let at = 0; ; at += 1) {
    what.prepare();
    const results: Result[] = [];
    let wasThere = false;
    betweenSteps(
      () => void results.push(what.work()),
      (turn) => {
        if (turn === at) {
          wasThere = true;
          what.other();
        }
      },
    );
    for (const result of results) {
      what.check(result);
    }
    if (!wasThere) {
      return at;
    }
  }
}

function pick(): Record<(typeof NAMES)[number], Operation> {
  const { load, store, exchange, compareExchange, or, and, add } = operations;
  return { load, store, exchange, compareExchange, or, and, add };
}
