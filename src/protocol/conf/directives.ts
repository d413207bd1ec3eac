/**
 * The one table of directives, and look-ups in it. Whatever a configuration may hold, its documentation, its
 * environment variables and the suggestions for a wrong name come from here.
 */
import { block, type DirectiveSpec } from "./directive-spec.ts";
import { VHOST_DELIVERY } from "./tables/delivery.ts";
import { VHOST_LIVE, VHOST_SCALARS } from "./tables/live.ts";
import { VHOST_PROGRAMS } from "./tables/programs.ts";
import { ROOT_DIRECTIVES } from "./tables/root.ts";
import { SERVER_DIRECTIVES } from "./tables/servers.ts";

const VHOST: DirectiveSpec = block(
  "vhost",
  "One virtual host; `__defaultVhost__` serves names that have none.",
  [...VHOST_SCALARS, ...VHOST_LIVE, ...VHOST_DELIVERY, ...VHOST_PROGRAMS],
  { reload: "hot", isRepeatable: true, isNamed: true },
);

/** The whole table, as the children of a block without a name. */
export const DIRECTIVES: DirectiveSpec = block("", "The configuration.", [
  ...ROOT_DIRECTIVES,
  ...SERVER_DIRECTIVES,
  VHOST,
]);

/** The row of `name` in `parent`. */
export function findDirective(parent: DirectiveSpec, name: string): DirectiveSpec | undefined {
  return parent.children.find((child) => child.name === name);
}

/** `vhost.play` and `gop_cache` to `vhost.play.gop_cache`; nothing before the root's own. */
export function joinPath(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

/** Environment variables that override a directive, the strongest first. */
export function environmentNames(path: string, spec: DirectiveSpec): readonly string[] {
  if (spec.type === "block") {
    return [];
  }
  return spec.variables ?? [`SRS_${path.toUpperCase().replaceAll(".", "_")}`];
}

/** Call `visit` for every row with its path, parents first. */
export function visitDirectives(visit: (path: string, spec: DirectiveSpec) => void): void {
  visitBelow(DIRECTIVES, "", visit);
}

function visitBelow(
  parent: DirectiveSpec,
  path: string,
  visit: (path: string, spec: DirectiveSpec) => void,
): void {
  for (const child of parent.children) {
    const childPath = joinPath(path, child.name);
    visit(childPath, child);
    visitBelow(child, childPath, visit);
  }
}

/**
 * What the operator may have meant by a name that `parent` does not have: the nearest of its names,
 * else the path of the same name elsewhere.
 */
export function suggestDirective(parent: DirectiveSpec, name: string): string | undefined {
  let nearest: string | undefined;
  let best = Math.min(4, Math.ceil(name.length / 2) + 1);
  for (const child of parent.children) {
    const distance = editDistance(name, child.name, best);
    if (distance < best) {
      best = distance;
      nearest = child.name;
    }
  }
  return nearest ?? findPath(name);
}

function findPath(name: string): string | undefined {
  let found: string | undefined;
  visitDirectives((path, spec) => {
    if (spec.name === name) {
      found ??= path;
    }
  });
  return found;
}

/** Insertions, deletions and replacements between two words; `limit` or more is not told apart. */
function editDistance(left: string, right: string, limit: number): number {
  if (Math.abs(left.length - right.length) >= limit) {
    return limit;
  }
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1);
      const inserted = (current[column - 1] ?? 0) + 1;
      const deleted = (previous[column] ?? 0) + 1;
      current.push(Math.min(replaced, inserted, deleted));
    }
    previous = current;
  }
  return previous[right.length] ?? limit;
}
