/** What makes a running server reload: SIGHUP, and a change of the file where the configuration asks for it. */
import type { Config } from "../../protocol/conf/config.ts";
import type { ServerPlan } from "../cli-arguments.ts";
import type { LineLog } from "../log/logger.ts";
import type { Server } from "../server.ts";
import type { ReloadPart } from "./parts.ts";
import { Reloader } from "./reload.ts";
import { ConfigWatch } from "./watch.ts";

/** SIGHUP from the start on: without a handler it would end the process. One that comes too early is kept. */
export class HangUps {
  #isEarly = false;
  #reload = (): void => {
    this.#isEarly = true;
  };

  constructor() {
    process.on("SIGHUP", () => this.#reload());
  }

  /** The server runs: from now on, and for one that came too early. */
  bringTo(reload: () => void): void {
    this.#reload = reload;
    if (this.#isEarly) {
      reload();
    }
  }
}

/** What {@link openReloading} joins. */
export interface Reloadable {
  /** What the server was started with. */
  readonly plan: ServerPlan;
  readonly server: Server;
  readonly log: LineLog;
  readonly hangUps: HangUps;
  /** What goes over besides the server's own parts. */
  readonly parts: readonly ReloadPart[];
}

/** The reloader of a running server, asked by signal and by file; also for the API. */
export function openReloading({ plan, server, log, hangUps, parts: more }: Reloadable): Reloader {
  const { source, ...running } = plan;
  const watch = new ConfigWatch(source, log, () => void reloader.reload("file changed"));
  const logging = {
    prepare: (next: Config) => ({
      commit: () => log.configure(next.log),
      abort: () => undefined,
    }),
  };
  const parts = [...server.parts, ...more, logging, watch];
  const reloader = new Reloader({ source, running, parts, log });
  watch.set(running.config.autoReload && !source.isEnvironmentOnly);
  hangUps.bringTo(() => void reloader.reload("SIGHUP"));
  return reloader;
}
