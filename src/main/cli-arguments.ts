/** The command line as SRS reads it, with weir's own `--demo`. */
import type { DecodedConfig } from "../protocol/conf/config.ts";
import { describeStep, planReload } from "../protocol/conf/reload-plan.ts";
import { ConfigError } from "../protocol/errors.ts";
import type { ConfigSource } from "./config/load.ts";
import { maskSecrets } from "./log/secrets.ts";
import { signUrl } from "./tokens/sign-command.ts";

/** Environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the command line asks for. */
export type CliRequest =
  | { readonly kind: "help" | "version" | "signature" }
  | { readonly kind: "invalid"; readonly reason: string }
  | {
      readonly kind: "run" | "test";
      readonly source: ConfigSource;
      /** Publish a test picture to itself. */
      readonly isDemo: boolean;
      /** File of a running server that a tested one is compared with; '' for none. */
      readonly diff: string;
    };

/** What a start needs to know. */
export interface ServerPlan extends DecodedConfig {
  readonly source: ConfigSource;
  readonly isDemo: boolean;
}

/** What {@link runCli} uses of the process. */
export interface CliHost {
  /** Text for standard output, with its line end. */
  stdout(text: string): void;
  /** Text for standard error, with its line end. */
  stderr(text: string): void;
  /** @throws ConfigError */
  load(source: ConfigSource): DecodedConfig;
  /** Runs the server until it ends. @returns exit code. */
  start(plan: ServerPlan): Promise<number>;
  /** Printed by `-v`. */
  readonly version: string;
  /** Printed by `-g`, e.g. `SRS/7.0.18(Hang)`. */
  readonly signature: string;
}

/** Exit code of a configuration or command line that is refused. */
export const EXIT_CONFIG = 1;

/** What the letters of the arguments have asked for so far. */
interface Letters {
  isHelp: boolean;
  isVersion: boolean;
  isSignature: boolean;
  isTest: boolean;
  isEnvironmentOnly: boolean;
  isDemo: boolean;
  file: string;
  diff: string;
}

/**
 * Arguments, without program and script, to a request. `SRS_CONFIG_FILE` outranks `-c`; `SRS_ENV_ONLY` is `-e`.
 *
 * Peers: letters may be joined (`-tc file`), `-cfile` is `-c file`, further dashes are skipped (`--help` is `-h`), and a
 * word that is no option asks for help, all as in SRS.
 */
export function decodeArguments(argv: readonly string[], environment: Environment): CliRequest {
  const letters: Letters = {
    isHelp: argv.length === 0,
    isVersion: false,
    isSignature: false,
    isTest: false,
    isEnvironmentOnly: false,
    isDemo: false,
    file: "",
    diff: "",
  };
  for (let index = 0; index < argv.length; index++) {
    const taken = decodeArgument(argv[index] ?? "", argv[index + 1], letters);
    if (typeof taken === "string") {
      return { kind: "invalid", reason: taken };
    }
    index += taken;
  }
  return toRequest(letters, environment);
}

/**
 * Carry out a command line.
 * @returns exit code.
 */
export async function runCli(
  argv: readonly string[],
  environment: Environment,
  host: CliHost,
): Promise<number> {
  if (argv[0] === "sign") {
    return sign(argv.slice(1), environment, host);
  }
  const request = decodeArguments(argv, environment);
  switch (request.kind) {
    case "help":
      host.stdout(HELP);
      return 0;
    case "version":
      host.stdout(`${host.version}\n`);
      return 0;
    case "signature":
      host.stdout(`${host.signature}\n`);
      return 0;
    case "invalid":
      host.stderr(`${request.reason}\n`);
      return EXIT_CONFIG;
    case "test":
      return testConfig(request, host);
    case "run":
      return await startServer(request.source, request.isDemo, host);
  }
}

const HELP = `weir, a live-streaming server that runs SRS's configuration files

Usage: weir <-h?vVgGe>|<[-t] -c filename>|sign
Options:
   -?, -h, --help      : Show this help and exit 0.
   -v, -V, --version   : Show version and exit 0.
   -g, -G              : Show server signature and exit 0.
   -e                  : Use environment variables only, ignore the config file.
   -t                  : Test the configuration file and exit, 0 when it is good.
   -c filename         : Start with this configuration file.
   --diff filename     : With -t: tell what a reload from this file to the tested one changes.
   --demo              : Publish a test picture as live/demo.
   sign                : Make a signed URL; says how when it is called alone.
   ctl, top            : Look at and control a running server; weir ctl tells how.
For example:
   weir -v
   weir -t -c conf/weir.conf
   weir -c conf/weir.conf
`;

/** @returns how many further arguments were taken, or what is wrong. */
function decodeArgument(
  argument: string,
  next: string | undefined,
  letters: Letters,
): number | string {
  if (argument === "--demo") {
    letters.isDemo = true;
    return 0;
  }
  if (argument === "--diff") {
    letters.diff = next ?? "";
    return letters.diff === "" ? "--diff requires a file" : 1;
  }
  if (!argument.startsWith("-")) {
    letters.isHelp = true;
    return 0;
  }
  for (let offset = 1; offset < argument.length; offset++) {
    const letter = argument[offset] ?? "";
    if (letter === "c") {
      return decodeFile(argument.slice(offset + 1), next, letters);
    }
    const verdict = decodeLetter(letter, letters);
    if (verdict === "unknown") {
      return `invalid option: "${letter}", read help: weir -h`;
    }
    if (verdict === "last") {
      return 0;
    }
  }
  return 0;
}

/** `joined` is what follows the letter in its own argument. */
function decodeFile(joined: string, next: string | undefined, letters: Letters): number | string {
  letters.isHelp = false;
  letters.file = joined === "" ? (next ?? "") : joined;
  if (letters.file === "") {
    return "-c requires params";
  }
  return joined === "" ? 1 : 0;
}

/** @returns `last` when the rest of this argument does not count, as in SRS for help and version. */
function decodeLetter(letter: string, letters: Letters): "more" | "last" | "unknown" {
  if (letter === "-") {
    return "more";
  }
  letters.isHelp = letter === "h" || letter === "?";
  switch (letter) {
    case "h":
    case "?":
      return "last";
    case "v":
    case "V":
      letters.isVersion = true;
      return "last";
    case "g":
    case "G":
      letters.isSignature = true;
      return "more";
    case "t":
      letters.isTest = true;
      return "more";
    case "e":
      letters.isEnvironmentOnly = true;
      return "more";
    default:
      return "unknown";
  }
}

function toRequest(letters: Letters, environment: Environment): CliRequest {
  if (letters.isHelp) {
    return { kind: "help" };
  }
  if (letters.isVersion) {
    return { kind: "version" };
  }
  if (letters.isSignature) {
    return { kind: "signature" };
  }
  const { SRS_ENV_ONLY: only, SRS_CONFIG_FILE: outranking } = environment;
  const isEnvironmentOnly = letters.isEnvironmentOnly || ![undefined, "", "off"].includes(only);
  return {
    kind: letters.isTest ? "test" : "run",
    source: { file: outranking || letters.file, isEnvironmentOnly, environment },
    isDemo: letters.isDemo,
    diff: letters.diff,
  };
}

function sign(argv: readonly string[], environment: Environment, host: CliHost): number {
  try {
    const signed = signUrl(argv, {
      load: (file) => host.load({ file, isEnvironmentOnly: false, environment }),
      now: Date.now,
    });
    if ("url" in signed) {
      host.stdout(`${signed.url}\n`);
      return 0;
    }
    host.stderr(signed.fault);
  } catch (error) {
    if (!(error instanceof ConfigError)) {
      throw error;
    }
    host.stderr(`invalid config, ${error.message}\n`);
  }
  return EXIT_CONFIG;
}

function testConfig(
  { source, diff }: { source: ConfigSource; diff: string },
  host: CliHost,
): number {
  let plan = "";
  try {
    const tested = host.load(source);
    tellWarnings(tested, host);
    if (diff !== "") {
      plan = describePlan(host.load({ ...source, file: diff }), tested);
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) {
      throw error;
    }
    host.stdout(`invalid config, ${error.message}\nconfig file ${source.file} test is failed\n`);
    return EXIT_CONFIG;
  }
  host.stdout(
    `the config file ${source.file} syntax is ok\nconfig file ${source.file} test is successful\n${plan}`,
  );
  return 0;
}

/** What a reload does, one line for each directive. */
function describePlan(running: DecodedConfig, next: DecodedConfig): string {
  const steps = planReload(running.settings, next.settings);
  const lines =
    steps.length === 0 ? ["no difference"] : steps.map((step) => maskSecrets(describeStep(step)));
  return lines.map((line) => `${line}\n`).join("");
}

async function startServer(source: ConfigSource, isDemo: boolean, host: CliHost): Promise<number> {
  let decoded: DecodedConfig;
  try {
    decoded = host.load(source);
  } catch (error) {
    if (!(error instanceof ConfigError)) {
      throw error;
    }
    host.stderr(`invalid config, ${error.message}\n`);
    return EXIT_CONFIG;
  }
  return await host.start({ ...decoded, source, isDemo });
}

function tellWarnings({ warnings }: DecodedConfig, host: CliHost): void {
  for (const warning of warnings) {
    host.stderr(`${warning}\n`);
  }
}
