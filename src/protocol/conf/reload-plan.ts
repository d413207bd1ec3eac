/**
 * What changing from one configuration to another takes: each directive whose value differs, and whether a reload
 * applies it. Values are compared as they count, not as they are written: defaults, environment and SRS's rules for
 * words and numbers are applied first.
 */
import { ConfigError } from "../errors.ts";
import type { Config } from "./config-types.ts";
import type { DirectiveSpec } from "./directive-spec.ts";
import { joinPath } from "./directives.ts";
import type { SectionReader } from "./section-reader.ts";

/** A directive's value in one configuration. */
export interface Setting {
  /** Path in the table, e.g. `vhost.play.gop_cache`. */
  readonly path: string;
  /** As it would be written; {@link DERIVED} when it follows from others. */
  readonly value: string;
  readonly effect: PlanEffect;
  readonly isSecret: boolean;
}

/** By place, e.g. `vhost live.example.play.gop_cache`. */
export type Settings = ReadonlyMap<string, Setting>;

/** `hot`: a reload applies it. `restart`: kept as it is until one. `none`: weir does nothing with it yet. */
export type PlanEffect = "hot" | "restart" | "none";

/** One difference. */
export interface PlanStep {
  readonly place: string;
  readonly path: string;
  /** undefined: there was, or will be, no such block. */
  readonly before: string | undefined;
  readonly after: string | undefined;
  readonly effect: PlanEffect;
}

/** Stands for the value of a directive that is not written and then follows from others. */
const DERIVED = "(not set)";
const DERIVED_PATHS: ReadonlySet<string> = new Set([
  "vhost.chunk_size",
  "vhost.tcp_nodelay",
  "vhost.play.mw_msgs",
  "srs_log_tank",
  "vhost.hls.hls_key_file_path",
  "vhost.hls.hls_key_url",
]);
/** Stands for a value that is not shown. */
const SECRET = "***";
/** Value of a block itself, so that it can come and go as a whole. */
const BLOCK = "{ }";

/** Everything that a configuration sets or leaves at its default. */
export function listSettings(root: SectionReader): Settings {
  const settings = new Map<string, Setting>();
  listBlock(root, { path: "", place: "" }, settings);
  return settings;
}

/** The differences, in the order of the table; blocks that come or go are one step each. */
export function planReload(before: Settings, after: Settings): PlanStep[] {
  const steps: PlanStep[] = [];
  const whole: string[] = [];
  for (const place of new Set([...before.keys(), ...after.keys()])) {
    const [old, now] = [before.get(place), after.get(place)];
    const setting = now ?? old;
    const isWithin = whole.some((block) => place.startsWith(`${block}.`));
    if (setting === undefined || isWithin || old?.value === now?.value) {
      continue;
    }
    if (setting.value === BLOCK) {
      whole.push(place);
    }
    const { path, effect } = setting;
    steps.push({ place, path, before: shown(old), after: shown(now), effect });
  }
  return steps;
}

/** A setting as others may see it. */
export interface ShownSetting {
  readonly place: string;
  readonly path: string;
  readonly value: string;
  readonly effect: PlanEffect;
}

/** All settings but blocks themselves, in the order of the table. */
export function listShown(settings: Settings): ShownSetting[] {
  return [...settings]
    .filter(([, { value }]) => value !== BLOCK)
    .map(([place, setting]) => ({
      place,
      path: setting.path,
      value: shown(setting) ?? "",
      effect: setting.effect,
    }));
}

/** A value as others may see it. */
function shown(setting: Setting | undefined): string | undefined {
  const value = setting?.value;
  return setting?.isSecret === true && value !== "" ? SECRET : value;
}

/**
 * Refuses what no reload may do: SRS does not make an origin of an edge, nor an edge of an origin, while it runs (2023).
 * @param file For the error's place.
 * @throws ConfigError `ERR_CONF_RELOAD`
 */
export function checkPlan(steps: readonly PlanStep[], file: string): void {
  const mode = steps.find(({ path }) => path === "vhost.cluster.mode");
  if (mode !== undefined) {
    throw new ConfigError(
      "ERR_CONF_RELOAD",
      `${mode.place} cannot change from ${mode.before} to ${mode.after} without a restart`,
      { file, line: 0, directive: mode.path },
    );
  }
}

/** One line for people, e.g. `hot      vhost v.play.gop_cache: on -> off`. */
export function describeStep({ place, before, after, effect }: PlanStep): string {
  const head = effect === "none" ? "no effect" : effect;
  const change =
    before === undefined || after === undefined
      ? ` ${before === undefined ? "added" : "removed"}`
      : `: ${quoted(before)} -> ${quoted(after)}`;
  return `${head.padEnd(9)} ${place}${change}`;
}

/** What is in force after a reload from `before` to `after`: what needs a restart stays as it was. */
export function settingsInForce(before: Settings, after: Settings): Settings {
  const inForce = new Map<string, Setting>();
  for (const [place, setting] of after) {
    const old = before.get(place);
    inForce.set(place, old !== undefined && setting.effect === "restart" ? old : setting);
  }
  return inForce;
}

/** The configuration in force after a reload: what needs a restart stays as it runs. Frozen, as both are. */
export function configInForce(running: Config, next: Config): Config {
  const { workers, jobs, pid, serverId, daemon, asprocess, workDir } = running;
  const { key, certificate, keyAt, certificateAt } = next.httpServer.https;
  const https = { ...running.httpServer.https, key, certificate, keyAt, certificateAt };
  const httpServer = { ...running.httpServer, https: Object.freeze(https) };
  const kept = { workers, jobs, pid, serverId, daemon, asprocess, workDir };
  return Object.freeze({ ...next, ...kept, httpServer: Object.freeze(httpServer) });
}

interface Place {
  readonly path: string;
  readonly place: string;
}

function listBlock(reader: SectionReader, at: Place, settings: Map<string, Setting>): void {
  for (const spec of reader.rows) {
    const path = joinPath(at.path, spec.name);
    const place = joinPath(at.place, spec.name);
    if (spec.type !== "block") {
      const value = valueAt(reader, path, spec);
      settings.set(place, { path, value, effect: effectOf(spec), isSecret: spec.isSecret });
    } else if (spec.isNamed || spec.isRepeatable) {
      listNamed(reader, spec, { path, place }, settings);
    } else if (spec.isOpen && spec.children.length === 0 && spec.status === "implemented") {
      // Whatever stands in it is one value.
      const pairs = reader.section(spec.name).pairs();
      const value = pairs.map((pair) => pair.join(" ").trim()).join("; ");
      settings.set(place, { path, value, effect: effectOf(spec), isSecret: false });
    } else {
      listBlock(reader.section(spec.name), { path, place }, settings);
    }
  }
}

/** The first block of a name counts; blocks without names are told apart by their order. */
function listNamed(
  reader: SectionReader,
  spec: DirectiveSpec,
  { path, place }: Place,
  settings: Map<string, Setting>,
): void {
  for (const [index, section] of reader.sections(spec.name).entries()) {
    const own = `${place} ${section.name === "" ? index + 1 : section.name}`;
    if (!settings.has(own)) {
      settings.set(own, { path, value: BLOCK, effect: effectOf(spec), isSecret: false });
      listBlock(section.reader, { path, place: own }, settings);
    }
  }
}

function effectOf({ status, reload }: DirectiveSpec): PlanEffect {
  return status === "accepted" ? "none" : reload;
}

function valueAt(reader: SectionReader, path: string, spec: DirectiveSpec): string {
  if (DERIVED_PATHS.has(path) && !reader.isSet(spec.name)) {
    return DERIVED;
  }
  if (spec.status === "accepted" && !spec.isRepeatable) {
    // Nobody reads it, so nobody has said that it can be read.
    return reader.words(spec.name)?.join(" ") ?? spec.fallback;
  }
  return readValue(reader, spec);
}

/** A value in one form, however it is written. */
function readValue(reader: SectionReader, spec: DirectiveSpec): string {
  const { name } = spec;
  switch (spec.type) {
    case "on-unless-off":
    case "off-unless-on":
      return reader.isOn(name) ? "on" : "off";
    case "integer":
    case "decimal":
      return String(reader.number(name));
    case "choice":
      return reader.choice(name);
    case "text":
      return reader.text(name);
    case "list":
    case "block":
      return spec.isRepeatable
        ? reader
            .entries(name)
            .map(({ args }) => args.join(" "))
            .join("; ")
        : reader.list(name).join(" ");
  }
}

function quoted(value: string): string {
  return value === "" ? '""' : value;
}
