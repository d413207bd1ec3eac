/** Variables of SRS's templates that stand for a moment: in names of files, URLs and arguments of programs. */

/** The wall clock in the time zone that names are to be in. */
export interface WallTime {
  readonly year: number;
  /** 1–12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly millisecond: number;
  /** Milliseconds since 1970. */
  readonly unixMs: number;
}

/** A moment in the time zone of the process, or in UTC. */
export function wallTime(unixMs: number, isUtc: boolean = false): WallTime {
  const date = new Date(unixMs);
  const offsetMs = isUtc ? 0 : date.getTimezoneOffset() * 60_000;
  const local = new Date(unixMs - offsetMs);
  return {
    year: local.getUTCFullYear(),
    month: local.getUTCMonth() + 1,
    day: local.getUTCDate(),
    hour: local.getUTCHours(),
    minute: local.getUTCMinutes(),
    second: local.getUTCSeconds(),
    millisecond: local.getUTCMilliseconds(),
    unixMs,
  };
}

/** `[2006] [01] [02] [15] [04] [05] [999]`, and `[timestamp]` in milliseconds, by their names. */
export function dateVariables(time: WallTime): [name: string, value: string][] {
  return [
    ["2006", pad(time.year, 4)],
    ["01", pad(time.month, 2)],
    ["02", pad(time.day, 2)],
    ["15", pad(time.hour, 2)],
    ["04", pad(time.minute, 2)],
    ["05", pad(time.second, 2)],
    ["999", pad(time.millisecond, 3)],
    ["timestamp", time.unixMs.toString()],
  ];
}

/**
 * Fills in variables, each written as `[name]`; those without a value stay as they are. One pass: a value that looks like a
 * variable is not filled in again.
 */
export function expandTemplate(template: string, values: ReadonlyMap<string, string>): string {
  return template.replace(/\[(\w+)\]/g, (text, name: string) => values.get(name) ?? text);
}

function pad(value: number, digits: number): string {
  return value.toString().padStart(digits, "0");
}
