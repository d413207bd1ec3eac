/** A scenario as data: what is measured on whom, and which figures have a target. */
import type { FigureName } from "../measure/figures.ts";
import type { Work } from "../measure/works.ts";

/** Sizes of the works; smaller in a smoke run. */
export interface Scale {
  readonly players: number;
  readonly latencyPlayers: number;
  readonly publishers: number;
}

export interface Job {
  readonly id: string;
  readonly work: Work;
  /** Names of the servers measured at it, in order. Those not given on the command line are left out. */
  readonly servers: readonly string[];
}

/** A figure of one server at one job. */
export interface FigureOf {
  readonly server: string;
  readonly job: string;
  readonly figure: FigureName;
}

export interface Criterion {
  readonly what: string;
  readonly of: FigureOf;
  /** Divisor, when the figure is a ratio. */
  readonly over?: FigureOf;
  /** Subtracted, when the figure is a difference. */
  readonly minus?: FigureOf;
  readonly unit: string;
  /** Largest value that passes; none for information only. */
  readonly target?: number;
}

export interface Scenario {
  readonly id: string;
  readonly title: string;
  jobs(scale: Scale): readonly Job[];
  readonly criteria: readonly Criterion[];
}

/** `a ÷ b` of one figure at one job. */
export function ratio(
  job: string,
  figure: FigureName,
  pair: { readonly of?: string; readonly over: string; readonly target?: number },
): Criterion {
  const of = pair.of ?? "weir";
  return {
    what: `${of} ÷ ${pair.over}`,
    of: { server: of, job, figure },
    over: { server: pair.over, job, figure },
    unit: "×",
    ...(pair.target === undefined ? {} : { target: pair.target }),
  };
}

/** A figure of weir by itself, or of another server. */
export function absolute(
  job: string,
  figure: FigureName,
  about: {
    readonly what: string;
    readonly unit: string;
    readonly target?: number;
    readonly server?: string;
  },
): Criterion {
  const { server = "weir", what, unit, target } = about;
  return { what, of: { server, job, figure }, unit, ...(target === undefined ? {} : { target }) };
}
