/** Values out of one block of the tree, by the rules of the table: environment, then file, then default. */
import { ConfigError, type ConfigPlace, InvariantError } from "../errors.ts";
import type { DirectiveSpec, ValueType } from "./directive-spec.ts";
import { environmentNames, findDirective, joinPath } from "./directives.ts";
import { type Directive, placeOfDirective } from "./grammar.ts";
import type { SecretValues } from "./secrets.ts";

/** What all readers of one configuration share. */
export interface ReaderContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Told once, however many vhosts ask. */
  readonly warnings: Set<string>;
  /** Paths where SRS's default was kept though the table has a hardened one. */
  readonly softened: Set<string>;
  /** `strict on`: unset directives take their hardened value. */
  readonly strict: boolean;
  readonly secrets: SecretValues;
  /** Called with the path of each directive whose value is asked for. */
  readonly onRead: (path: string) => void;
}

/** A value as written and where. */
export interface Written {
  readonly args: readonly string[];
  readonly place: ConfigPlace;
}

/** Reads the directives of one block; `directives` is empty when the file has no such block. */
export class SectionReader {
  readonly #spec: DirectiveSpec;
  readonly #path: string;
  readonly #directives: readonly Directive[];
  readonly #context: ReaderContext;

  constructor(
    spec: DirectiveSpec,
    path: string,
    directives: readonly Directive[],
    context: ReaderContext,
  ) {
    this.#spec = spec;
    this.#path = path;
    this.#directives = directives;
    this.#context = context;
  }

  /** The table's rows of this block. */
  get rows(): readonly DirectiveSpec[] {
    return this.#spec.children;
  }

  /** The first block of that name. */
  section(name: string): SectionReader {
    const found = this.#directives.find((directive) => directive.name === name);
    return this.#below(name, found?.children ?? []);
  }

  /** All blocks of that name with the name each is given. */
  sections(
    name: string,
  ): { readonly name: string; readonly directive: Directive; readonly reader: SectionReader }[] {
    return this.#directives
      .filter((directive) => directive.name === name)
      .map((directive) => ({
        name: directive.args[0] ?? "",
        directive,
        reader: this.#below(name, directive.children),
      }));
  }

  /** Whether file or environment give it a value. */
  isSet(name: string): boolean {
    return this.#written(name, this.#specOf(name)) !== undefined;
  }

  /** A value as it is written, unread; undefined when file and environment have none. */
  words(name: string): readonly string[] | undefined {
    return this.#written(name, this.#specOf(name))?.args;
  }

  /** Where a directive is written, or its block when it is not. */
  placeOf(name: string): ConfigPlace {
    const written = this.#written(name, this.#specOf(name));
    const first = this.#directives[0];
    return (
      written?.place ?? {
        file: first?.file ?? "default",
        line: first?.line ?? 0,
        column: first?.column ?? 0,
        directive: joinPath(this.#path, name),
      }
    );
  }

  /** A switch; a word that is neither on nor off counts as in SRS, with a warning. */
  isOn(name: string): boolean {
    const spec = this.#specOf(name, "on-unless-off", "off-unless-on");
    const value = this.#word(name, spec);
    const isOn = spec.type === "on-unless-off" ? value !== "off" : value === "on";
    if (value !== "on" && value !== "off") {
      const place = this.placeOf(name);
      const counts = isOn ? "on" : "off";
      this.warn(place, `${place.directive} "${value}" is read as ${counts}; on or off is meant`);
    }
    return isOn;
  }

  text(name: string): string {
    return this.#word(name, this.#specOf(name, "text"));
  }

  list(name: string): readonly string[] {
    const spec = this.#specOf(name, "list");
    const written = this.#written(name, spec);
    return written?.args ?? (spec.fallback === "" ? [] : [spec.fallback]);
  }

  /** Every occurrence of a repeatable list, in the file's order; no environment variable has such. */
  entries(name: string): readonly Written[] {
    this.#specOf(name, "list");
    const path = joinPath(this.#path, name);
    return this.#directives
      .filter((directive) => directive.name === name)
      .map(({ args, file, line }) => ({ args, place: { file, line, directive: path } }));
  }

  /** All that stands in an open block, known or not: each name with its first value, '' for none. */
  pairs(): readonly (readonly [name: string, value: string])[] {
    return this.#directives.map(({ name, args }) => [name, args[0] ?? ""]);
  }

  /** A word of the table; one it does not have counts as SRS counts it, with a warning. */
  choice(name: string): string {
    const spec = this.#specOf(name, "choice");
    const value = this.#word(name, spec);
    if (spec.words.includes(value)) {
      return value;
    }
    const place = this.placeOf(name);
    const words = spec.words.filter((word) => word !== "").join(", ");
    if (spec.otherwise === undefined) {
      throw invalid(place, `${place.directive} is "${value}", one of ${words} is allowed`);
    }
    this.warn(
      place,
      `${place.directive} "${value}" is read as ${spec.otherwise}; known are ${words}`,
    );
    return spec.otherwise;
  }

  /** A number in the unit of the table. */
  number(name: string): number {
    const spec = this.#specOf(name, "integer", "decimal");
    const value = this.#word(name, spec);
    const place = this.placeOf(name);
    const pattern = spec.type === "integer" ? /^[+-]?\d+/ : /^[+-]?(\d+(\.\d*)?|\.\d+)/;
    const [digits] = pattern.exec(value) ?? [];
    const number = Number(digits ?? Number.NaN);
    if (!(number >= spec.min && number <= spec.max)) {
      const kind = spec.type === "integer" ? "a whole number" : "a number";
      throw invalid(
        place,
        `${place.directive} is "${value}", ${kind} from ${spec.min} to ${spec.max} is allowed`,
      );
    }
    if (digits !== value) {
      const unit = spec.unit === "" ? "" : ` ${spec.unit}`;
      this.warn(place, `${place.directive} "${value}" is read as ${number}${unit}`);
    }
    return number;
  }

  /** A time, whatever unit it is written in. Units: milliseconds. */
  milliseconds(name: string): number {
    const { unit } = this.#specOf(name, "integer", "decimal");
    if (unit !== "s" && unit !== "ms") {
      throw new InvariantError(`${joinPath(this.#path, name)} is not a time`);
    }
    return Math.round(this.number(name) * (unit === "s" ? 1000 : 1));
  }

  #below(name: string, directives: readonly Directive[]): SectionReader {
    const spec = this.#specOf(name, "block");
    return new SectionReader(spec, joinPath(this.#path, name), directives, this.#context);
  }

  #word(name: string, spec: DirectiveSpec): string {
    const written = this.#written(name, spec)?.args[0];
    if (written !== undefined || spec.hardened === undefined) {
      return written ?? spec.fallback;
    }
    if (!this.#context.strict) {
      this.#context.softened.add(joinPath(this.#path, name));
    }
    return this.#context.strict ? spec.hardened : spec.fallback;
  }

  #written(name: string, spec: DirectiveSpec): Written | undefined {
    const written = this.#find(name, spec);
    if (written === undefined || !spec.isSecret) {
      return written;
    }
    const { args, place } = written;
    return { args: args.map((word) => this.#context.secrets.resolve(word, place)), place };
  }

  #find(name: string, spec: DirectiveSpec): Written | undefined {
    const path = joinPath(this.#path, name);
    for (const variable of environmentNames(path, spec)) {
      const value = this.#context.environment[variable];
      if (value !== undefined && value.trim() !== "") {
        const args = spec.type === "list" ? value.trim().split(/\s+/) : [value];
        return { args, place: { file: variable, line: 0, directive: path } };
      }
    }
    const found = this.#directives.find((directive) => directive.name === name);
    if (found === undefined || found.args.length === 0) {
      return undefined;
    }
    return { args: found.args, place: placeOfDirective(found, path) };
  }

  #specOf(name: string, ...types: readonly ValueType[]): DirectiveSpec {
    const path = joinPath(this.#path, name);
    const spec = findDirective(this.#spec, name);
    if (spec === undefined || (types.length > 0 && !types.includes(spec.type))) {
      throw new InvariantError(`${path} is not in the table as ${types.join(" or ")}`);
    }
    this.#context.onRead(path);
    return spec;
  }

  /** Tells the operator about a value, with its place. */
  warn(place: ConfigPlace, message: string): void {
    this.#context.warnings.add(`${place.file}:${place.line}: ${message}`);
  }
}

function invalid(place: ConfigPlace, message: string): ConfigError {
  return new ConfigError("ERR_CONF_VALUE", message, place);
}
