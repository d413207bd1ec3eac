/**
 * Who gets what playlists list. Where playing needs permission, playlists sign what they name (`hls_sign`): a segment,
 * part, init segment or key is given to whoever shows that signature, by any gateway, in memory or on disk.
 */
import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import type { HlsSettings } from "../../protocol/control/hls.ts";
import {
  type GuardedVhost,
  type HlsGuards,
  KEYS_ELSEWHERE,
} from "../../protocol/control/hls-guards.ts";
import { pathShape } from "../../protocol/hls/path-template.ts";
import { streamKey } from "../../protocol/rtmp/stream-url.ts";
import { Signatures } from "./signatures.ts";

/** Parameters of URLs. */
const SESSION = "hls_ctx";
const SIGNATURE = "hls_sign";

/** After a reload players use the playlists that they have, for so many segments and at least for so long. */
const GRACE_FRAGMENTS = 3;
const GRACE_MS_MIN = 5000;
/** Names that a file has while it is written. */
const TEMPORARY = /\.te?mp$/;

/** A vhost that asks for signatures. */
interface Guarded {
  /** Names without a signature count until then: milliseconds, monotonic. */
  readonly openUntilMs: number;
}

/** Files on disk that HLS of a guarded vhost writes. */
interface GuardedFiles {
  readonly vhost: string;
  readonly shape: RegExp;
  /** Keys that somebody else gives out, who may be a mount of this server. */
  readonly isKeyElsewhere: boolean;
}

/** One gateway's. */
export class HlsDoor {
  readonly #now: () => number;
  #signatures: Signatures | null = null;
  #vhosts: ReadonlyMap<string, Guarded> = new Map();
  /** By directory. */
  #files: ReadonlyMap<string, readonly GuardedFiles[]> = new Map();

  /** @param now Milliseconds, monotonic. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Takes what the primary tells. */
  take({ secret, vhosts }: HlsGuards): void {
    // Who is told for the first time has given out no playlist without signatures.
    const isFirst = this.#signatures === null;
    this.#signatures ??= new Signatures(secret);
    const before = this.#vhosts;
    const now = this.#now();
    this.#vhosts = new Map(
      vhosts.map(({ name, hls }): [string, Guarded] => {
        const graceMs = isFirst ? 0 : Math.max(GRACE_MS_MIN, GRACE_FRAGMENTS * hls.fragmentMs);
        return [name, before.get(name) ?? { openUntilMs: now + graceMs }];
      }),
    );
    this.#files = filesOf(vhosts);
  }

  /** Playlists of the stream are signed. */
  isGuarded(key: string): boolean {
    return this.#vhosts.has(vhostOf(key));
  }

  /** What URLs of a group of files carry, by group. @param session '' where they carry none. */
  queries(key: string, session: string): (group: number) => string {
    const signatures = this.#signatures;
    return (group) =>
      signatures === null ? "" : `${SIGNATURE}=${signatures.sign({ key, group, session })}`;
  }

  /** Whether a request may have a file. */
  admits(key: string, group: number, parameters: URLSearchParams): boolean {
    const guarded = this.#vhosts.get(vhostOf(key));
    if (guarded === undefined || this.#signatures === null) {
      return true;
    }
    const given = parameters.get(SIGNATURE);
    if (given === null) {
      return guarded.openUntilMs > this.#now();
    }
    const session = parameters.get(SESSION) ?? "";
    return this.#signatures.isRight(given, { key, group, session });
  }

  /**
   * Whether a request may have a file that lies on disk. What HLS has written there for other servers leads around
   * signatures, also under the names of other vhosts: this server gives it to nobody. What is listed is in memory.
   * @param path Where it lies, links resolved. @param isStream There is HLS of the stream. Never rejects.
   */
  async admitsFile(
    path: string,
    query: string,
    isStream: (key: string) => boolean,
  ): Promise<boolean> {
    for (const [directory, files] of this.#files) {
      const root = await realpath(directory).catch(() => resolve(directory));
      const name = path.startsWith(`${root}/`) ? path.slice(root.length + 1) : "";
      for (const one of files) {
        if (name !== "" && !this.#mayHave(one, name, { query, isStream })) {
          return false;
        }
      }
    }
    return true;
  }

  #mayHave(
    { vhost, shape, isKeyElsewhere }: GuardedFiles,
    name: string,
    asked: { readonly query: string; readonly isStream: (key: string) => boolean },
  ): boolean {
    const found = shape.exec(name.replace(TEMPORARY, ""));
    if (found === null) {
      return true;
    }
    const { app, stream } = found.groups ?? {};
    const isNamed = app !== undefined && stream !== undefined;
    const key = isNamed ? streamKey({ vhost, app, stream }) : "";
    if (isKeyElsewhere && isNamed) {
      return this.admits(key, KEYS_ELSEWHERE, new URLSearchParams(asked.query));
    }
    // Deeper folders are those of other films, unless an app of several names is there.
    return isNamed && app.includes("/") && !asked.isStream(key);
  }
}

function filesOf(vhosts: readonly GuardedVhost[]): Map<string, GuardedFiles[]> {
  const files = new Map<string, GuardedFiles[]>();
  for (const { name: vhost, hls } of vhosts.filter((one) => one.hls.enabled)) {
    const add = (directory: string, template: string, isKeyElsewhere = false): void => {
      const known = files.get(directory) ?? [];
      files.set(directory, known);
      known.push({ vhost, shape: pathShape(template, vhost), isKeyElsewhere });
    };
    for (const template of templatesOf(hls)) {
      add(hls.path, template);
    }
    add(hls.keyPath ?? hls.path, hls.keyFile, hls.keyPath !== null);
  }
  return files;
}

function templatesOf({ playlistFile, tsFile, fmp4File, initFile }: HlsSettings): string[] {
  // Later init segments have a number before their end.
  const laterInit = initFile.replace(/(\.[^./]*)?$/, "-[seq]$1");
  return [playlistFile, tsFile, fmp4File, initFile, laterInit];
}

function vhostOf(key: string): string {
  return key.slice(0, key.indexOf("/"));
}
