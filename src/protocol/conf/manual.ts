/** The directive table as a page of documentation. */
import type { DirectiveSpec } from "./directive-spec.ts";
import { DIRECTIVES, environmentNames, joinPath, visitDirectives } from "./directives.ts";

const PREFACE = `# Configuration

weir reads the configuration files of SRS 7: \`name value …;\` or \`name { … }\`, one directive per line end,
\`#\` for comments, quotes around a value with blanks, \`include file …;\` anywhere (relative to the working directory).
A name that is not listed here stops the start, with file, line and the nearest known name. A directive that stands
twice counts the first time. \`weir -t -c FILE\` tests a file.

An environment variable beats the file; those of a vhost hold for every vhost. Lists are separated by blanks.
\`-e\` or \`SRS_ENV_ONLY=on\` reads no file at all.

The value of a *secret* is never shown. It may be written as \`env:NAME\`, an environment variable, or \`file:PATH\`, the only
line of a file (relative to the working directory, its line end does not count): both are read at the start and at each
reload, and one that is missing is an error of the directive. weir warns where secrets stand in a file that everyone may
read, URLs with a password or a token too.

Switches: *on unless off* takes every word but \`off\` for on, *off unless on* every word but \`on\` for off.
A reload (SIGHUP, or a change of the file under \`inotify_auto_reload\`) applies *hot* directives; the others stay as they
are until a restart, which the log says. It applies all or nothing: a file that is wrong, or an address that cannot be
had, leaves everything as it was. \`weir -t --diff RUNNING.conf -c NEW.conf\` prints the plan. Sessions are not dropped:
rules are asked when somebody connects, publishes or plays, and those of a vhost that is removed or disabled go on, as in
SRS; under \`strict on\` a reload ends whoever may no longer stay. \`max_connections\` can be raised to what the limit of open
files and 65536 connections per shard allow.
*accepted* means: known, so that the file loads, told once at start, and without effect yet.

This page is made from the table in \`src/protocol/conf\` by \`node scripts/config-manual.mjs\`.
`;

/** The whole page in Markdown; the same table always gives the same text. */
export function encodeManual(): string {
  const parts = [PREFACE, ownSection(), blockSection("", DIRECTIVES)];
  visitDirectives((path, spec) => {
    if (spec.type === "block" && spec.children.length > 0) {
      parts.push(blockSection(path, spec));
    }
  });
  return parts.join("\n");
}

function ownSection(): string {
  const rows: string[] = [];
  visitDirectives((path, spec) => {
    if (spec.isOwn) {
      rows.push(row(path, path, spec));
    }
  });
  return `## weir's own\n\nSRS refuses these.\n\n${tableHead()}${rows.join("")}`;
}

function blockSection(path: string, spec: DirectiveSpec): string {
  const title = path === "" ? "## Root level" : `## ${path}${spec.isNamed ? " NAME" : ""} {}`;
  const notes = [
    path === "" ? "" : spec.about,
    spec.isRepeatable ? "May be repeated." : "",
    spec.isOpen ? "Unknown names inside are let through." : "",
  ];
  const rows = spec.children
    .filter((child) => !child.isOwn)
    .map((child) => row(child.name, joinPath(path, child.name), child));
  const about = notes.filter((note) => note !== "").join(" ");
  return `${title}\n\n${about === "" ? "" : `${about}\n\n`}${tableHead()}${rows.join("")}`;
}

function tableHead(): string {
  return "| directive | kind | default | environment | reload | status | what |\n|---|---|---|---|---|---|---|\n";
}

function row(label: string, path: string, spec: DirectiveSpec): string {
  const variables = environmentNames(path, spec).map((name) => `\`${name}\``);
  const cells = [
    `\`${label}\``,
    kindOf(spec),
    defaultOf(spec),
    variables.join(" "),
    spec.type === "block" ? "" : spec.reload,
    spec.status,
    spec.about,
  ];
  return `| ${cells.join(" | ")} |\n`;
}

function kindOf(spec: DirectiveSpec): string {
  const words = spec.words.filter((word) => word !== "").map((word) => `\`${word}\``);
  const kind = spec.type === "choice" ? words.join(" ") : spec.type.replaceAll("-", " ");
  const repeat = spec.isRepeatable && spec.type !== "block" ? ", repeatable" : "";
  const secret = spec.isSecret ? ", secret" : "";
  return `${kind}${spec.unit === "" ? "" : `, ${spec.unit}`}${repeat}${secret}`;
}

function defaultOf(spec: DirectiveSpec): string {
  if (spec.type === "block") {
    return "";
  }
  const value = spec.fallback === "" ? "none" : `\`${spec.fallback}\``;
  return spec.hardened === undefined ? value : `${value}, strict \`${spec.hardened}\``;
}
