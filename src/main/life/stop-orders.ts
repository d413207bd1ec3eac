/**
 * Who may stop the server and how. The first order counts: fast, or graceful (SIGQUIT, and SIGTERM or SIGINT under
 * `force_grace_quit`). One more during a graceful stop makes it a fast one; one during a fast stop ends the process.
 */
import { monotonicMs } from "../monotonic.ts";

/** How the server stops. */
export type StopKind = "fast" | "graceful";

/** What orders are judged by, and what happens beside the stop itself. */
export interface StopOrdersHost {
  isGraceForced(): boolean;
  /** One line about an order. */
  readonly tell: (text: string) => void;
  /** An order during a fast stop. */
  readonly exit: () => void;
}

/** The order to stop, and the one to hurry. */
export class StopOrders {
  /** The first order. */
  readonly given: Promise<StopKind>;
  /** Fulfilled when a graceful stop must not wait any longer. */
  readonly hurry: Promise<void>;
  readonly #host: StopOrdersHost;
  #give: (kind: StopKind) => void = () => undefined;
  #hurry: () => void = () => undefined;
  #kind: StopKind | undefined;

  constructor(host: StopOrdersHost) {
    this.#host = host;
    this.given = new Promise((resolve) => {
      this.#give = resolve;
    });
    this.hurry = new Promise((resolve) => {
      this.#hurry = resolve;
    });
  }

  /** Listens to the process's signals. */
  listen(): void {
    for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"] as const) {
      process.on(signal, () => {
        const isGraceful = signal === "SIGQUIT" || this.#host.isGraceForced();
        this.take(signal, isGraceful ? "graceful" : "fast");
      });
    }
  }

  /** Stops when this process is given another parent: `asprocess on`. */
  watchParent(parent: () => number = () => process.ppid, periodMs: number = PARENT_LOOK_MS): void {
    const first = parent();
    const timer = setInterval(() => {
      if (parent() !== first) {
        clearInterval(timer);
        this.take(`parent process ${first} is gone`, "fast");
      }
    }, periodMs).unref();
  }

  /** Takes an order. @param cause Whose it is, for the log. */
  take(cause: string, kind: StopKind): void {
    const { tell, exit } = this.#host;
    if (this.#kind === undefined) {
      this.#kind = kind;
      tell(`${cause}: stopping${kind === "graceful" ? " gracefully" : ""}`);
      this.#give(kind);
    } else if (this.#kind === "graceful") {
      this.#kind = "fast";
      tell(`${cause}: stopping at once`);
      this.#hurry();
    } else {
      exit();
    }
  }
}

const PARENT_LOOK_MS = 500;

/** What a graceful stop waits for. */
export interface Drain {
  readonly startWaitMs: number;
  readonly finalWaitMs: number;
  /** Connections that do not leave are ended after this; 0 = they have all the time they want. */
  readonly drainMaxMs: number;
  /** Nobody is let in any more; those who understand it are asked to go elsewhere. */
  close(): void;
  /** Connections that are still there. */
  count(): number;
  readonly tell: (text: string) => void;
  /** Cuts every wait short. */
  readonly hurry: Promise<void>;
}

const COUNT_LOOK_MS = 50;
/** Between two lines about what is waited for: doubled each time, as with SRS, up to the limit. */
const TELL_FIRST_MS = 1000;
const TELL_LAST_MS = 32_000;

/** Lets the connections leave by themselves. Resolves when they have, or must not stay longer. */
export async function drain(what: Drain): Promise<void> {
  let isHurried = false;
  const hurry = what.hurry.then(() => {
    isHurried = true;
  });
  const wait = async (ms: number): Promise<void> => {
    let timer: NodeJS.Timeout | undefined;
    const pause = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([pause, hurry]);
    clearTimeout(timer);
  };
  what.tell(`listens for ${what.startWaitMs} ms more`);
  await wait(what.startWaitMs);
  what.close();
  const until = what.drainMaxMs === 0 ? Number.POSITIVE_INFINITY : monotonicMs() + what.drainMaxMs;
  let tellMs = TELL_FIRST_MS;
  let nextTell = monotonicMs();
  while (what.count() > 0 && !isHurried && monotonicMs() < until) {
    if (monotonicMs() >= nextTell) {
      what.tell(`waits for ${what.count()} connections to leave`);
      nextTell += tellMs;
      tellMs = Math.min(TELL_LAST_MS, tellMs * 2);
    }
    await wait(COUNT_LOOK_MS);
  }
  if (!isHurried) {
    await wait(what.finalWaitMs);
  }
}
