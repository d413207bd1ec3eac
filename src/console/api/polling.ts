/** Answers that are asked for again and again while somebody looks. */
import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import { ask, SignInError, wordsOf } from "./requests.ts";

/** The newest answer, and what is wrong if there is none newer. */
export interface Polled<Fields> {
  readonly answer: Fields | undefined;
  readonly error: string;
  /** Asks again now. */
  refresh(): void;
}

/** Told when the API wants credentials. */
export const SignInNeeded: ReturnType<typeof createContext<(error: SignInError) => void>> =
  createContext<(error: SignInError) => void>(() => undefined);

/** Asks for `path` now and then; an empty path asks for nothing. A hidden page does not ask. */
export function usePolled<Fields>(path: string, periodMs: number): Polled<Fields> {
  const [answer, setAnswer] = useState<Fields | undefined>();
  const [error, setError] = useState("");
  const [round, setRound] = useState(0);
  const needSignIn = useContext(SignInNeeded);
  useEffect(() => {
    let isOver = path === "";
    let timer = 0;
    const look = async (): Promise<void> => {
      try {
        const next = document.hidden ? undefined : await ask<Fields>(path);
        if (!isOver && next !== undefined) {
          setAnswer(() => next);
          setError("");
        }
      } catch (thrown) {
        if (!isOver && thrown instanceof SignInError) {
          needSignIn(thrown);
        }
        if (!isOver) {
          setError(wordsOf(thrown));
        }
      }
      if (!isOver) {
        timer = window.setTimeout(() => void look(), periodMs);
      }
    };
    if (!isOver) {
      void look();
    }
    return () => {
      isOver = true;
      window.clearTimeout(timer);
    };
  }, [path, periodMs, round, needSignIn]);
  return { answer, error, refresh: () => setRound((count) => count + 1) };
}
