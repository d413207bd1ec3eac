/** A viewer of HLS with code of the tests' own: each request on a connection of its own, so that gateways take turns. */
import { writeFileSync } from "node:fs";
import { get, request } from "node:http";
import { join } from "node:path";
import { type ReadPlaylist, readPlaylist } from "./playlist-check.ts";
import { waitUntil } from "./scratch.ts";

export interface HlsResponse {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: Buffer;
}

/** Fetches what a path of one server names. */
export class HlsClient {
  readonly base: string;

  constructor(port: number) {
    this.base = `http://127.0.0.1:${port}`;
  }

  get(path: string, headers: Record<string, string> = {}): Promise<HlsResponse> {
    return new Promise((resolve, reject) => {
      get(`${this.base}${path}`, { agent: false, headers }, (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("error", reject);
        response.on("end", () => {
          const { statusCode: status = 0, headers: found } = response;
          resolve({ status, headers: found, body: Buffer.concat(parts) });
        });
      }).on("error", reject);
    });
  }

  head(path: string): Promise<number> {
    return new Promise((resolve, reject) => {
      request(`${this.base}${path}`, { agent: false, method: "HEAD" }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
        .on("error", reject)
        .end();
    });
  }

  /** The viewer's own playlist: what the first one names. */
  async session(path: string): Promise<string> {
    const { status, body } = await this.get(path);
    const uri = body.toString().trim().split("\n").at(-1) ?? "";
    if (status !== 200 || !uri.includes("hls_ctx=")) {
      throw new Error(`${path}: ${status} ${body.toString()}`);
    }
    return uri.startsWith("/") ? uri : join(path, "..", uri);
  }

  /** @throws Error where it is none, or breaks the grammar */
  async playlist(path: string): Promise<ReadPlaylist> {
    const { status, body } = await this.get(path);
    if (status !== 200) {
      throw new Error(`${path}: ${status} ${body.toString()}`);
    }
    return readPlaylist(body.toString());
  }

  /** Asks until the playlist is as wanted. */
  async until(
    path: string,
    what: string,
    isIt: (playlist: ReadPlaylist) => boolean,
    timeoutMs = 30_000,
  ): Promise<ReadPlaylist> {
    let last: ReadPlaylist | undefined;
    let text = "";
    const look = async (): Promise<boolean> => {
      const { status, body } = await this.get(path);
      text = body.toString();
      last = status === 200 ? readPlaylist(text) : undefined;
      return last !== undefined && isIt(last);
    };
    try {
      await waitUntil(what, look, timeoutMs);
    } catch (error) {
      throw new Error(`${String(error)}\n${text}`, { cause: error });
    }
    return last as ReadPlaylist;
  }

  /** Saves a playlist, ended, with all it names. @returns the file. */
  async save(path: string, directory: string, name: string): Promise<string> {
    const { body } = await this.get(path);
    const names = new Map<string, string>();
    const local = (uri: string): string => {
      const known = names.get(uri);
      const file = known ?? `${name}-${names.size}${/\.\w+/.exec(uri.split("?")[0] ?? "")?.[0]}`;
      names.set(uri, file);
      return file;
    };
    const lines = body
      .toString()
      .split("\n")
      .filter((line) => !/^#EXT-X-(PART|PRELOAD|SERVER|PROGRAM)/.test(line))
      .map((line) =>
        line.startsWith("#") || line === ""
          ? line.replace(/URI="([^"]+)"/, (_, uri: string) => `URI="${local(uri)}"`)
          : local(line),
      );
    for (const [uri, file] of names) {
      const { status, body: bytes } = await this.get(join(path, "..", uri));
      if (status !== 200) {
        throw new Error(`${uri} is listed: ${status}`);
      }
      writeFileSync(join(directory, file), bytes);
    }
    const file = join(directory, `${name}.m3u8`);
    writeFileSync(file, `${lines.join("\n")}#EXT-X-ENDLIST\n`);
    return file;
  }
}
