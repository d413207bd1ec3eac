/**
 * The web console's files as both HTTP sides serve them: gateways on http_server's port, the primary on the API's. What
 * is served is what the build has put into one folder; a path is looked up in that list and never opened.
 */

/** Where it is. */
export const CONSOLE_PATH = "/console";
/** The page itself; everything else is named after its content. */
const PAGE = "index.html";
/** What may stand in a Host header and be put into the policy: a name or an address, without the port. */
const HOST = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253})(:\d{1,5})?$/i;

const TYPES: readonly (readonly [ending: string, type: string])[] = [
  [".html", "text/html; charset=utf-8"],
  [".js", "text/javascript; charset=utf-8"],
  [".css", "text/css; charset=utf-8"],
];

/** Texts of the files, by name. */
export type ConsoleFiles = ReadonlyMap<string, string>;

/** What is answered. */
export interface ConsoleAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** True for the console's paths. @param path Without the query. */
export function isConsolePath(path: string): boolean {
  return path === CONSOLE_PATH || path.startsWith(`${CONSOLE_PATH}/`);
}

/** True for the page itself, under each of its names. */
export function isConsolePage(path: string): boolean {
  return path === CONSOLE_PATH || path === `${CONSOLE_PATH}/` || path === `${CONSOLE_PATH}/${PAGE}`;
}

/**
 * The answer to a GET of a console's path.
 * @param host The request's Host header: the page may watch streams on this host's other ports.
 * @returns null when there is no such file.
 */
export function consoleAnswer(
  files: ConsoleFiles,
  path: string,
  host: string,
): ConsoleAnswer | null {
  if (path === CONSOLE_PATH) {
    return { status: 302, headers: { location: `${CONSOLE_PATH}/` }, body: "" };
  }
  const name = path.slice(CONSOLE_PATH.length + 1) || PAGE;
  const body = files.get(name);
  const [, type] = TYPES.find(([ending]) => name.endsWith(ending)) ?? [];
  if (body === undefined || type === undefined) {
    return null;
  }
  const isPage = name === PAGE;
  const headers = {
    "content-type": type,
    "cache-control": isPage ? "no-cache" : "public, max-age=31536000, immutable",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    ...(isPage ? { "content-security-policy": policyFor(host), "x-frame-options": "DENY" } : {}),
  };
  return { status: 200, headers, body };
}

/** Scripts and styles come from here alone, and no other host is ever asked. */
function policyFor(host: string): string {
  const [, name] = HOST.exec(host) ?? [];
  const ports = ["http", "https", "ws", "wss"].map((scheme) => ` ${scheme}://${name}:*`).join("");
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "media-src 'self' blob:",
    `connect-src 'self'${name === undefined ? "" : ports}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
