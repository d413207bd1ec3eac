/** The parent's end of a generator process. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { endProcess, trackProcess } from "../servers/processes.ts";
import type { GeneratorCall, GeneratorFigures, GeneratorReply, Progress } from "./calls.ts";

const ENTRY: string = fileURLToPath(import.meta.resolve("./main.js"));
const REPLY_TIMEOUT_MS = 15_000;

export class GeneratorLink {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = trackProcess(fork(ENTRY, { stdio: ["ignore", "inherit", "inherit", "ipc"] }));
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Play or publish. */
  async order(call: GeneratorCall): Promise<void> {
    await this.#ask(call);
  }

  async progress(): Promise<Progress> {
    const reply = await this.#ask({ call: "progress" });
    if (!("progress" in reply)) {
      throw new Error("the generator told no progress");
    }
    return reply.progress;
  }

  /** Figures so far; distributions and lag start anew, counts go on. */
  async figures(): Promise<GeneratorFigures> {
    const reply = await this.#ask({ call: "figures" });
    if (!("figures" in reply)) {
      throw new Error("the generator sent no figures");
    }
    return reply.figures;
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
