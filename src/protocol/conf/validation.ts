/** A tree of directives against the table: unknown names are refused, oddities that SRS lets through are told. */
import { ConfigError } from "../errors.ts";
import type { DirectiveSpec } from "./directive-spec.ts";
import { DIRECTIVES, findDirective, joinPath, suggestDirective } from "./directives.ts";
import { type Directive, placeOfDirective } from "./grammar.ts";

/**
 * Validate names and shapes.
 * @param isStrict What SRS reads in a way that surprises is refused: a directive that stands twice, a value where a
 *   block belongs and the other way round.
 * @returns one sentence per oddity.
 * @throws ConfigError `ERR_CONF_UNKNOWN` or `ERR_CONF_SHAPE`.
 */
export function validateDirectives(directives: readonly Directive[], isStrict: boolean): string[] {
  const validation: Validation = { warnings: [], inactive: new Set(), isStrict };
  validateLevel(
    directives,
    { spec: DIRECTIVES, path: "", name: "", isInactive: false },
    validation,
  );
  return validation.warnings;
}

interface Validation {
  readonly warnings: string[];
  /** Paths told to be without effect: once each, however many vhosts have them. */
  readonly inactive: Set<string>;
  readonly isStrict: boolean;
}

interface Level {
  readonly spec: DirectiveSpec;
  readonly path: string;
  /** Name of the vhost around it, for messages. */
  readonly name: string;
  /** A block around it was told to be without effect. */
  readonly isInactive: boolean;
}

function validateLevel(
  directives: readonly Directive[],
  level: Level,
  validation: Validation,
): void {
  const seen = new Map<string, Directive>();
  for (const directive of directives) {
    const spec = findDirective(level.spec, directive.name);
    if (spec !== undefined) {
      validateKnown(directive, spec, level, validation);
      warnRepeated(directive, spec, seen, validation);
    } else if (!level.spec.isOpen) {
      throw unknown(directive, level);
    }
  }
}

function validateKnown(
  directive: Directive,
  spec: DirectiveSpec,
  level: Level,
  validation: Validation,
): void {
  const path = joinPath(level.path, spec.name);
  warnShape(directive, spec, path, validation);
  if (spec.isNamed && directive.args.length === 0) {
    const place = placeOfDirective(directive, path);
    throw new ConfigError("ERR_CONF_SHAPE", `${path} needs a name before its block`, place);
  }
  const isInactive = level.isInactive || spec.status === "accepted";
  if (
    isInactive &&
    !level.isInactive &&
    !isSwitchedOff(directive, spec) &&
    !validation.inactive.has(path)
  ) {
    validation.inactive.add(path);
    validation.warnings.push(`${at(directive)}: ${path} is known but has no effect in weir yet`);
  }
  if (spec.type === "block") {
    const name = path === "vhost" ? (directive.args[0] ?? "") : level.name;
    validateLevel(directive.children, { spec, path, name, isInactive }, validation);
  }
}

/** A feature that is turned off needs no warning that it is missing. */
function isSwitchedOff(directive: Directive, spec: DirectiveSpec): boolean {
  if (spec.type === "on-unless-off") {
    return directive.args[0] === "off";
  }
  if (spec.type === "off-unless-on") {
    return directive.args[0] !== "on";
  }
  const enabled = findDirective(spec, "enabled");
  const given = directive.children.find((child) => child.name === "enabled");
  if (enabled === undefined) {
    return spec.type === "block" && directive.children.length === 0;
  }
  return given === undefined ? enabled.fallback === "off" : isSwitchedOff(given, enabled);
}

function warnShape(
  directive: Directive,
  spec: DirectiveSpec,
  path: string,
  validation: Validation,
): void {
  if (spec.type !== "block" && directive.isBlock) {
    odd(directive, `${path} takes a value, its block is ignored`, validation);
  } else if (spec.type === "block" && !directive.isBlock) {
    odd(directive, `${path} takes a block, its value is ignored`, validation);
  } else if (spec.type !== "block" && spec.type !== "list" && directive.args.length > 1) {
    const first = spec.isSecret ? "the first" : directive.args[0];
    const text = `${path} takes one value, all after ${first} is ignored`;
    odd(directive, text, validation);
  }
}

/** Told, or refused under `strict on`. */
function odd(directive: Directive, text: string, { warnings, isStrict }: Validation): void {
  if (isStrict) {
    const place = placeOfDirective(directive, directive.name);
    throw new ConfigError("ERR_CONF_SHAPE", `${text}, which "strict on;" refuses`, place);
  }
  warnings.push(`${at(directive)}: ${text}`);
}

/** The first one counts; named blocks are told apart by their name. */
function warnRepeated(
  directive: Directive,
  spec: DirectiveSpec,
  seen: Map<string, Directive>,
  validation: Validation,
): void {
  if (spec.isRepeatable && !spec.isNamed) {
    return;
  }
  const key = spec.isNamed ? `${spec.name} ${directive.args[0]}` : spec.name;
  const first = seen.get(key);
  if (first === undefined) {
    seen.set(key, directive);
  } else {
    odd(directive, `${key} is repeated and ignored, the one at ${at(first)} counts`, validation);
  }
}

function unknown(directive: Directive, level: Level): ConfigError {
  const path = joinPath(level.path, directive.name);
  const known = suggestDirective(level.spec, directive.name);
  const what = level.path === "" ? `directive ${directive.name}` : path;
  const where = level.name === "" ? "" : ` of ${level.name}`;
  const hint = known === undefined ? "" : `, did you mean ${known}?`;
  return new ConfigError(
    "ERR_CONF_UNKNOWN",
    `illegal ${what}${where}${hint}`,
    placeOfDirective(directive, path),
  );
}

function at(directive: Directive): string {
  return `${directive.file}:${directive.line}`;
}
