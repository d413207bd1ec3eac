/** A server with callbacks, and what tests ask of the two. */
import assert from "node:assert/strict";
import { get } from "node:http";
import { after, afterEach, before } from "node:test";
import { type InProcess, startInProcess } from "../main/accept/in-process.ts";
import { type HookNote, HookServer } from "./hook-server.ts";
import { findFreePort, waitUntil } from "./scratch.ts";

/** A busy machine gets that long. */
export const HOOK_WAIT_MS = 20_000;
/** All callbacks of sessions. */
export const HOOK_ACTIONS: readonly string[] = [
  "on_connect",
  "on_close",
  "on_publish",
  "on_unpublish",
  "on_play",
  "on_stop",
];

/** Both servers; they stand between the hooks of a test file. */
export class HookBench {
  #hooks: HookServer | undefined;
  #weir: InProcess | undefined;
  #http = 0;

  get hooks(): HookServer {
    assert.ok(this.#hooks !== undefined);
    return this.#hooks;
  }

  get weir(): InProcess {
    assert.ok(this.#weir !== undefined);
    return this.#weir;
  }

  /** Port of the gateway. */
  get http(): number {
    return this.#http;
  }

  async open(): Promise<void> {
    this.#hooks = await HookServer.start();
    this.#http = await findFreePort();
    await this.start();
  }

  /** Starts weir with all callbacks. */
  async start(): Promise<void> {
    this.#weir = await startInProcess(this.#options(this.hooks.directives(HOOK_ACTIONS)));
  }

  /** Everybody has left, everything is as it was, nothing is noted. */
  async reset(): Promise<void> {
    this.hooks.answers.clear();
    this.hooks.delayMs = 0;
    await this.settle();
    this.hooks.notes.length = 0;
    await this.normal();
  }

  async close(): Promise<void> {
    await this.#weir?.close();
    await this.#hooks?.close();
  }

  /** Reloads to these directives of the vhost. */
  async reload(vhost: string): Promise<void> {
    const { error } = await this.weir.reload(this.#options(vhost));
    assert.equal(error, undefined);
  }

  /** All callbacks again, with nothing of weir's own. */
  async normal(): Promise<void> {
    await this.weir.reload(this.#options(this.hooks.directives(HOOK_ACTIONS)));
  }

  /** Everybody has left, and all is told. */
  async settle(): Promise<void> {
    const { server } = this.weir;
    const isOver = (): boolean => server.connections === 0 && server.hooks.backlog.count === 0;
    await waitUntil("everybody has left", isOver, HOOK_WAIT_MS);
  }

  urlOf(name: string): string {
    return `rtmp://127.0.0.1:${this.weir.port}/live/${name}`;
  }

  /** Notes of an action when there are so many. */
  async told(action: string, count = 1): Promise<HookNote[]> {
    const isTold = (): boolean => this.hooks.of(action).length >= count;
    await waitUntil(`${action} ${count} times`, isTold, HOOK_WAIT_MS);
    return this.hooks.of(action);
  }

  /** The one note of an action. */
  async only(action: string): Promise<HookNote> {
    const [note, ...more] = await this.told(action);
    assert.ok(note !== undefined && more.length === 0, `${action} came once`);
    return note;
  }

  /** Status of a viewer by HTTP; it leaves when it has it. */
  statusOf(path: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const request = get(`http://127.0.0.1:${this.http}${path}`, { agent: false }, (response) => {
        resolve(response.statusCode ?? 0);
        request.destroy();
      });
      request.on("error", reject);
    });
  }

  #options(vhost: string): Parameters<typeof startInProcess>[0] & object {
    return {
      workers: 1,
      directives: `server_id vid-test; http_backend node; gateways 1; http_server { enabled on; listen 127.0.0.1:${this.#http}; }`,
      vhost: `http_remux { enabled on; } ${vhost}`,
    };
  }
}

/** One for a test file. */
export function openHookBench(): HookBench {
  const bench = new HookBench();
  before(() => bench.open());
  after(() => bench.close());
  afterEach(() => bench.reset());
  return bench;
}
