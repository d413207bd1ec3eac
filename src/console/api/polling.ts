/** Answers that are asked for again and again while somebody looks. */
import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import { ask, SignInError, wordsOf } from "./requests.ts";

/** The newest answer, and what is wrong if there is none newer. */
export interface Polled<Fields> {
  readonly answer: Fields | undefined;
  readonly error: string;
  /** Asks again now. */
  readonly refresh: () => void;
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
    const told = {
      came: (next: Fields) => {
        setAnswer(() => next);
        setError("");
      },
      failed: (thrown: unknown) => {
        setError(wordsOf(thrown));
        if (thrown instanceof SignInError) {
          needSignIn(thrown);
        }
      },
    };
    return path === "" ? undefined : poll(path, periodMs, told);
  }, [path, periodMs, round, needSignIn]);
  return { answer, error, refresh: () => setRound((count) => count + 1) };
}

interface Told<Fields> {
  came(answer: Fields): void;
  failed(thrown: unknown): void;
}

/** @returns what ends it: nothing is told any more. */
function poll<Fields>(path: string, periodMs: number, told: Told<Fields>): () => void {
  let isOver = false;
  let timer = 0;
  const tell = (act: () => void): void => {
    if (!isOver) {
      act();
      timer = window.setTimeout(look, periodMs);
    }
  };
  const look = (): void => {
    if (document.hidden) {
      tell(() => undefined);
      return;
    }
    ask<Fields>(path).then(
      (answer) => tell(() => told.came(answer)),
      (thrown: unknown) => tell(() => told.failed(thrown)),
    );
  };
  look();
  return () => {
    isOver = true;
    window.clearTimeout(timer);
  };
}
