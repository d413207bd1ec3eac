/**
 * Programs that the configuration runs and that are not there. SRS finds out when it should run one, every three seconds;
 * weir says so at once, and under `strict on` refuses.
 */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import type { Config } from "../../protocol/conf/config.ts";
import type { ProgramFile } from "../../protocol/conf/programs-config.ts";
import { ConfigError } from "../../protocol/errors.ts";

/** Where programs are looked for. */
export interface ProgramPlaces {
  /** Directory that relative paths start from. */
  readonly directory: string;
  /** As the variable PATH has it. */
  readonly path: string;
}

/** One line for each. @throws ConfigError `ERR_CONF_PROGRAM` under `strict on` */
export function missingProgramWarnings(config: Config, places: ProgramPlaces): string[] {
  const missing = usedPrograms(config).filter(({ file }) => !isProgram(file, places));
  const [first] = missing;
  if (config.strict && first !== undefined) {
    throw new ConfigError("ERR_CONF_PROGRAM", textOf(first), first.at);
  }
  return missing.map((program) => {
    const { file, line } = program.at;
    return `${file}:${line}: ${textOf(program)}: it will be tried again and again`;
  });
}

function textOf({ file, at }: ProgramFile): string {
  return `${at.directive}: ${file} is no program that can be run`;
}

function usedPrograms({ vhosts }: Config): ProgramFile[] {
  return [...vhosts.values()].flatMap(({ enabled, programs }) => {
    const { exec, ingests, transcodes } = programs;
    const ffmpegs = [...ingests, ...transcodes]
      .filter(({ isEnabled, ffmpeg }) => isEnabled && ffmpeg.file !== "")
      .map(({ ffmpeg }) => ffmpeg);
    const commands = exec.isEnabled ? exec.publish.map(({ program }) => program) : [];
    return enabled ? [...ffmpegs, ...commands] : [];
  });
}

function isProgram(file: string, { directory, path }: ProgramPlaces): boolean {
  const folders = file.includes("/") ? [""] : path.split(delimiter);
  return folders.some((folder) => isExecutable(resolve(directory, folder, file)));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
