/**
 * Secrets of a configuration: read from elsewhere where the file only names them (`env:NAME`, `file:PATH`), and found
 * where they stand in the file itself.
 */
import { ConfigError, type ConfigPlace } from "../errors.ts";
import { SECRET_CHARACTERS_MAX } from "../limits.ts";
import type { DirectiveSpec } from "./directive-spec.ts";
import { DIRECTIVES, findDirective, joinPath } from "./directives.ts";
import { type Directive, placeOfDirective, type ReadInclude } from "./grammar.ts";

/** Not shown either, and no secret. */
const NO_SECRETS: ReadonlySet<string> = new Set(["http_api.auth.username"]);
const REFERENCE = /^(env|file):(.*)$/s;
const VARIABLE = /^[A-Za-z_]\w*$/;
/** A name or password before a host. */
const USER_INFO = /:\/\/[^\s/?#]+@/;
/** A parameter of a URL whose name says that its value is a secret. */
const SECRET_PARAMETER = /[?&][^=&#]*(?:token|secret|passw|pwd|sign|auth|key)[^=&#]*=[^&#]/i;

/** Reads values of secret directives. Each file is read once, so that one decode sees one value. */
export class SecretValues {
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #read: ReadInclude;
  readonly #known = new Map<string, string>();

  constructor(environment: Readonly<Record<string, string | undefined>>, read: ReadInclude) {
    this.#environment = environment;
    this.#read = read;
  }

  /**
   * The word itself, or what it names: the variable of `env:NAME`, the only line of the file of `file:PATH`.
   * @throws ConfigError `ERR_CONF_SECRET`; its text never has the value
   */
  resolve(word: string, place: ConfigPlace): string {
    const [, kind, name = ""] = REFERENCE.exec(word) ?? [];
    if (kind === undefined) {
      return word;
    }
    const known = this.#known.get(word);
    if (known !== undefined) {
      return known;
    }
    const value = kind === "env" ? this.#variable(name, place) : this.#line(name, place);
    this.#known.set(word, value);
    return value;
  }

  /** Variables whose values were taken. */
  get variables(): readonly string[] {
    const words = [...this.#known.keys()].filter((word) => word.startsWith("env:"));
    return words.map((word) => word.slice("env:".length));
  }

  #variable(name: string, place: ConfigPlace): string {
    // Another text may be a secret that was meant as it stands: it is not shown.
    const value = VARIABLE.test(name) ? (this.#environment[name] ?? "") : undefined;
    if (value === undefined) {
      throw refused('"env:" must be followed by the name of a variable', place);
    }
    if (value === "") {
      throw refused(`the environment variable ${name} is not set, or empty`, place);
    }
    return value;
  }

  #line(file: string, place: ConfigPlace): string {
    const line = this.#read(file, place).replace(/[\r\n]+$/, "");
    if (line === "") {
      throw refused(`${file} is empty`, place);
    }
    if (line.length > SECRET_CHARACTERS_MAX || /\p{Cc}/u.test(line)) {
      throw refused(
        `${file} is not one line of at most ${SECRET_CHARACTERS_MAX} characters`,
        place,
      );
    }
    return line;
  }
}

function refused(text: string, place: ConfigPlace): ConfigError {
  return new ConfigError("ERR_CONF_SECRET", `${place.directive}: ${text}`, place);
}

/** Where secrets stand: directives in files, and files that directives name (line 0). Nothing here is a value. */
export function listSecrets(directives: readonly Directive[]): ConfigPlace[] {
  return listBelow(directives, DIRECTIVES, "");
}

function listBelow(
  directives: readonly Directive[],
  parent: DirectiveSpec,
  path: string,
): ConfigPlace[] {
  return directives.flatMap((directive) => {
    const spec = findDirective(parent, directive.name);
    if (spec === undefined) {
      return [];
    }
    const own = joinPath(path, directive.name);
    return spec.type === "block"
      ? listBelow(directive.children, spec, own)
      : secretsOf(directive, spec.isSecret && !NO_SECRETS.has(own), own);
  });
}

function secretsOf(directive: Directive, isSecret: boolean, path: string): ConfigPlace[] {
  if (!isSecret) {
    const isUrl = directive.args.some(
      (word) => USER_INFO.test(word) || SECRET_PARAMETER.test(word),
    );
    return isUrl ? [placeOfDirective(directive, path)] : [];
  }
  const files = directive.args
    .filter((word) => word.startsWith("file:"))
    .map((word) => ({ file: word.slice("file:".length), line: 0, directive: path }));
  const isWritten = directive.args.some((word) => !REFERENCE.test(word));
  return isWritten ? [placeOfDirective(directive, path), ...files] : files;
}
