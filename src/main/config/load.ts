/** Configuration from file and environment; the only place that reads configuration files. */
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type DecodedConfig, decodeConfig } from "../../protocol/conf/config.ts";
import type { ReadInclude } from "../../protocol/conf/grammar.ts";
import { ConfigError, type ConfigPlace, messageOf } from "../../protocol/errors.ts";
import { CONF_BYTES_MAX, SECRET_CHARACTERS_MAX } from "../../protocol/limits.ts";
import { openPublishWarning } from "../guard/open-publish.ts";
import { readableSecretWarnings } from "../guard/readable-secrets.ts";
import { checkOpenFiles, isInDocker, openFilesMax } from "../limits-of-host.ts";

/** Two readings of a file in the making are so far apart. */
const SETTLE_MS = 100;
const SETTLE_READINGS_MAX = 50;
/** Of a file that holds a secret: characters of up to four bytes, and a line end. */
const SECRET_BYTES_MAX: number = SECRET_CHARACTERS_MAX * 4 + 2;

/** Where the configuration comes from. */
export interface ConfigSource {
  /** Ignored with `isEnvironmentOnly`. */
  readonly file: string;
  readonly isEnvironmentOnly: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Directory that `file` and included files are relative to; the working one when absent. */
  readonly directory?: string;
}

/** What of the host decides about a configuration; taken from the host itself when not given. */
export interface ConfigHost {
  readonly isInDocker: boolean;
  readonly openFilesMax: number;
}

/**
 * Read, decode and check against the host. Included files are relative to the working directory, as in SRS.
 * @throws ConfigError with file, line and directive.
 */
export function loadConfig(source: ConfigSource, host: ConfigHost = readHost()): DecodedConfig {
  return loadWith(source, host, filesOf(source));
}

/**
 * The same for a file that somebody may be writing: read until two readings agree, included files and all.
 * @throws ConfigError of what stands there then, or when it does not come to rest.
 */
export async function loadSettledConfig(
  source: ConfigSource,
  host: ConfigHost = readHost(),
): Promise<DecodedConfig> {
  const files = filesOf(source);
  let before: string | undefined;
  for (let reading = 0; reading < SETTLE_READINGS_MAX; reading += 1) {
    const texts: string[] = [];
    const noting =
      (read: ReadInclude): ReadInclude =>
      (file, place) => {
        const text = read(file, place);
        texts.push(file, text);
        return text;
      };
    const { config, secret } = files;
    const noted = { ...files, config: noting(config), secret: noting(secret) };
    const outcome = attempt(() => loadWith(source, host, noted));
    const seen = JSON.stringify(texts);
    if (seen === before) {
      return outcome();
    }
    before = seen;
    await delay(SETTLE_MS);
  }
  const { file } = source;
  throw new ConfigError("ERR_CONF_FILE", `${file} keeps changing`, { file, line: 0 });
}

/** Runs it now, gives or throws what came of it when asked. */
function attempt<T>(run: () => T): () => T {
  try {
    const value = run();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/** Files by the names that a configuration has for them. */
interface ConfigFiles {
  readonly config: ReadInclude;
  /** One that holds a secret. */
  readonly secret: ReadInclude;
  /** Permissions; undefined when they cannot be had. */
  modeOf(file: string): number | undefined;
}

function loadWith(source: ConfigSource, host: ConfigHost, files: ConfigFiles): DecodedConfig {
  const file = source.isEnvironmentOnly ? "environment" : source.file;
  const text = source.isEnvironmentOnly ? "" : files.config(file, { file, line: 0 });
  const decoded = decodeConfig(text, file, {
    include: files.config,
    readSecret: files.secret,
    environment: source.environment,
    isEnvironmentOnly: source.isEnvironmentOnly,
    isInDocker: host.isInDocker,
  });
  checkOpenFiles(decoded.config.maxConnections, decoded.maxConnectionsAt, host.openFilesMax);
  const open = openPublishWarning(decoded.config);
  const readable = readableSecretWarnings(decoded.secretsAt, (name) => files.modeOf(name));
  const warnings = [...decoded.warnings, ...(open === undefined ? [] : [open]), ...readable];
  return { ...decoded, warnings };
}

function readHost(): ConfigHost {
  return { isInDocker: isInDocker(), openFilesMax: openFilesMax() };
}

function filesOf({ directory = "" }: ConfigSource): ConfigFiles {
  return {
    config: (file, place) => readConfigFile(file, resolve(directory, file), place),
    secret: (file, place) => readSecretFile(file, resolve(directory, file), place),
    modeOf: (file) => modeOf(resolve(directory, file)),
  };
}

function modeOf(path: string): number | undefined {
  try {
    return statSync(path).mode;
  } catch {
    // A directive that stands twice may name any file; those that count were read.
    return undefined;
  }
}

function readConfigFile(file: string, path: string, place: ConfigPlace): string {
  try {
    const { size } = statSync(path);
    if (size > CONF_BYTES_MAX) {
      throw new ConfigError(
        "ERR_CONF_LIMIT",
        `more than ${CONF_BYTES_MAX} bytes of configuration`,
        { file, line: 1, column: 1 },
      );
    }
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof ConfigError) {
      throw error;
    }
    throw new ConfigError("ERR_CONF_FILE", `no config file at ${file}: ${messageOf(error)}`, place);
  }
}

function readSecretFile(file: string, path: string, place: ConfigPlace): string {
  const refused = (reason: string): ConfigError =>
    new ConfigError("ERR_CONF_SECRET", `${place.directive}: ${file} ${reason}`, place);
  try {
    const stat = statSync(path);
    if (!stat.isFile() || stat.size > SECRET_BYTES_MAX) {
      throw refused(`is no file of at most ${SECRET_BYTES_MAX} bytes`);
    }
    return readFileSync(path, "utf8");
  } catch (error) {
    throw error instanceof ConfigError ? error : refused(`cannot be read: ${messageOf(error)}`);
  }
}
