/** The parent's end of a generator process. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { sleep } from "../native/clock.ts";
import { endProcess, trackProcess } from "../servers/processes.ts";
import type {
  GeneratorCall,
  GeneratorFigures,
  GeneratorReply,
  PlayCall,
  PublishCall,
} from "./calls.ts";

const ENTRY: string = fileURLToPath(import.meta.resolve("./main.js"));
const REPLY_TIMEOUT_MS = 15_000;
const POLL_MS = 100;

export class GeneratorLink {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = trackProcess(fork(ENTRY, { stdio: ["ignore", "inherit", "inherit", "ipc"] }));
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  async play(call: Omit<PlayCall, "call">): Promise<void> {
    await this.#ask({ call: "play", ...call });
  }

  async publish(call: Omit<PublishCall, "call">): Promise<void> {
    await this.#ask({ call: "publish", ...call });
  }

  /** Figures so far; after a fresh call percentiles and lag start anew, counts go on. */
  async figures(isFresh: boolean): Promise<GeneratorFigures> {
    const reply = await this.#ask({ call: "figures", isFresh });
    if (!("figures" in reply)) {
      throw new Error("the generator sent no figures");
    }
    return reply.figures;
  }

  /** Wait until all connections are live, or the time is over. */
  async untilLive(timeoutMs: number): Promise<GeneratorFigures> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const figures = await this.figures(false);
      if (figures.live >= figures.connections || performance.now() > deadline) {
        return figures;
      }
      await sleep(POLL_MS);
    }
  }

  async end(): Promise<void> {
    await endProcess(this.#child);
  }

  #ask(call: GeneratorCall): Promise<GeneratorReply> {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const finish = (outcome: () => void): void => {
        clearTimeout(timer);
        child.off("message", heard);
        child.off("exit", gone);
        outcome();
      };
      const heard = (message: unknown): void => {
        const reply = message as GeneratorReply;
        finish(() => {
          if ("error" in reply) {
            reject(new Error(`generator: ${reply.error}`));
          } else {
            resolve(reply);
          }
        });
      };
      const gone = (): void => {
        finish(() => {
          reject(new Error("the generator ended"));
        });
      };
      const timer = setTimeout(() => {
        finish(() => {
          reject(new Error(`the generator did not answer '${call.call}'`));
        });
      }, REPLY_TIMEOUT_MS);
      child.on("message", heard);
      child.on("exit", gone);
      child.send(call);
    });
  }
}
