/**
 * What the directive table is made of: one {@link DirectiveSpec} per directive, and the words to write the table with.
 * Parsing, validation, environment names and documentation are all made from these rows.
 */

/**
 * Kinds of value. Switches follow SRS's two rules for words other than `on` and `off`:
 * `on-unless-off` takes them for on, `off-unless-on` for off.
 */
export type ValueType =
  | "on-unless-off"
  | "off-unless-on"
  | "integer"
  | "decimal"
  | "text"
  | "choice"
  | "list"
  | "block";

/** Unit of a number as written in the file; empty when it is a plain count. */
export type Unit =
  | ""
  | "ms"
  | "s"
  | "bytes"
  | "frames"
  | "messages"
  | "%"
  | "bit/s"
  | "kbit/s"
  | "Hz"
  | "px";

/** One row of the directive table. */
export interface DirectiveSpec {
  readonly name: string;
  readonly type: ValueType;
  readonly unit: Unit;
  /** Value when the file does not say, as it would be written there; empty = none. */
  readonly fallback: string;
  /** Value taken instead of `fallback` under `strict on`. */
  readonly hardened: string | undefined;
  /** Words of a choice. */
  readonly words: readonly string[];
  /** What an unknown word of a choice counts as (SRS never refuses one). */
  readonly otherwise: string | undefined;
  readonly min: number;
  readonly max: number;
  /** `accepted` = known so that the file loads, without effect, told once at start. */
  readonly status: "implemented" | "accepted";
  /** Whether a reload applies it or a restart is needed. */
  readonly reload: "hot" | "restart";
  /** Environment variables that override it, the first one set wins; undefined = made from its path. */
  readonly variables: readonly string[] | undefined;
  /** May stand several times in its block. */
  readonly isRepeatable: boolean;
  /** A block whose unknown children are let through, as SRS does. */
  readonly isOpen: boolean;
  /** A block that needs a name: `vhost NAME {}`. */
  readonly isNamed: boolean;
  /** weir's own; SRS would refuse it. */
  readonly isOwn: boolean;
  /** Its value is never shown. */
  readonly isSecret: boolean;
  /** One sentence for the documentation. */
  readonly about: string;
  readonly children: readonly DirectiveSpec[];
}

/** Properties a row may set besides its name, type, default and sentence. */
export type Marks = Partial<
  Pick<
    DirectiveSpec,
    | "hardened"
    | "otherwise"
    | "min"
    | "max"
    | "status"
    | "reload"
    | "variables"
    | "isRepeatable"
    | "isOpen"
    | "isNamed"
    | "isOwn"
    | "isSecret"
  >
>;

/** In effect, and changed by a reload. */
export const HOT: Marks = { status: "implemented", reload: "hot" };
/** In effect, read at start only. */
export const RESTART: Marks = { status: "implemented", reload: "restart" };
/** In effect, changed by a reload, never shown. */
export const SECRET_HOT: Marks = { ...HOT, isSecret: true };
/** Not in effect yet; will be changed by a reload. */
export const LATER_HOT: Marks = { status: "accepted", reload: "hot" };
/** weir's own, in effect, changed by a reload. */
export const OWN_HOT: Marks = { ...HOT, isOwn: true };
/** weir's own, in effect, read at start only. */
export const OWN_RESTART: Marks = { ...RESTART, isOwn: true };
/** No environment variable overrides it. */
export const FILE_ONLY: Marks = { variables: [] };

const BLANK_SPEC: Omit<DirectiveSpec, "name" | "type" | "fallback" | "about"> = {
  unit: "",
  hardened: undefined,
  words: [],
  otherwise: undefined,
  min: Number.NEGATIVE_INFINITY,
  max: Number.POSITIVE_INFINITY,
  status: "accepted",
  reload: "restart",
  variables: undefined,
  isRepeatable: false,
  isOpen: false,
  isNamed: false,
  isOwn: false,
  isSecret: false,
  children: [],
};

/** A switch that only the word `off` turns off. */
export function onUnlessOff(
  name: string,
  fallback: "on" | "off",
  about: string,
  marks: Marks = {},
): DirectiveSpec {
  return { ...BLANK_SPEC, name, type: "on-unless-off", fallback, about, ...marks };
}

/** A switch that only the word `on` turns on. */
export function offUnlessOn(
  name: string,
  fallback: "on" | "off",
  about: string,
  marks: Marks = {},
): DirectiveSpec {
  return { ...BLANK_SPEC, name, type: "off-unless-on", fallback, about, ...marks };
}

/** A whole number, zero or more unless `marks` say otherwise. */
export function integer(
  name: string,
  fallback: number,
  unit: Unit,
  about: string,
  marks: Marks = {},
): DirectiveSpec {
  const range = { min: 0, max: 0x7f_ff_ff_ff };
  return {
    ...BLANK_SPEC,
    ...range,
    name,
    type: "integer",
    fallback: `${fallback}`,
    unit,
    about,
    ...marks,
  };
}

/** A number that may have a fraction, zero or more unless `marks` say otherwise. */
export function decimal(
  name: string,
  fallback: number,
  unit: Unit,
  about: string,
  marks: Marks = {},
): DirectiveSpec {
  const range = { min: 0, max: 0x7f_ff_ff_ff };
  return {
    ...BLANK_SPEC,
    ...range,
    name,
    type: "decimal",
    fallback: `${fallback}`,
    unit,
    about,
    ...marks,
  };
}

/** One word or quoted text. */
export function text(
  name: string,
  fallback: string,
  about: string,
  marks: Marks = {},
): DirectiveSpec {
  return { ...BLANK_SPEC, name, type: "text", fallback, about, ...marks };
}

/** One of some words; the first is the default. */
export function choice(
  name: string,
  words: readonly string[],
  about: string,
  marks: Marks = {},
): DirectiveSpec {
  return { ...BLANK_SPEC, name, type: "choice", words, fallback: words[0] ?? "", about, ...marks };
}

/** One or more words. */
export function list(
  name: string,
  fallback: string,
  about: string,
  marks: Marks = {},
): DirectiveSpec {
  return { ...BLANK_SPEC, name, type: "list", fallback, about, ...marks };
}

/** A block of directives. In effect as soon as one of its children is. */
export function block(
  name: string,
  about: string,
  children: readonly DirectiveSpec[],
  marks: Marks = {},
): DirectiveSpec {
  const status = children.some((child) => child.status === "implemented")
    ? "implemented"
    : "accepted";
  return { ...BLANK_SPEC, name, type: "block", fallback: "", about, status, children, ...marks };
}

/** Rows that no environment variable overrides, with all below them. */
export function fileOnly(rows: readonly DirectiveSpec[]): DirectiveSpec[] {
  return rows.map((row) => ({ ...row, ...FILE_ONLY, children: fileOnly(row.children) }));
}
