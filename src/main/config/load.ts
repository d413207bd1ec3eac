/** Configuration from file and environment; the only place that reads configuration files. */
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { type DecodedConfig, decodeConfig } from "../../protocol/conf/config.ts";
import { ConfigError, type ConfigPlace } from "../../protocol/errors.ts";
import { CONF_BYTES_MAX } from "../../protocol/limits.ts";
import { checkOpenFiles, isInDocker, openFilesMax } from "../limits-of-host.ts";

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
  const file = source.isEnvironmentOnly ? "environment" : source.file;
  const read = (path: string, place: ConfigPlace): string =>
    readConfigFile(path, resolve(source.directory ?? "", path), place);
  const text = source.isEnvironmentOnly ? "" : read(source.file, { file, line: 0 });
  const decoded = decodeConfig(text, file, {
    include: read,
    environment: source.environment,
    isEnvironmentOnly: source.isEnvironmentOnly,
    isInDocker: host.isInDocker,
  });
  checkOpenFiles(decoded.config.maxConnections, decoded.maxConnectionsAt, host.openFilesMax);
  return decoded;
}

function readHost(): ConfigHost {
  return { isInDocker: isInDocker(), openFilesMax: openFilesMax() };
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
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError("ERR_CONF_FILE", `no config file at ${file}: ${reason}`, place);
  }
}
