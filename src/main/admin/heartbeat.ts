/**
 * Tells a server once a period that this one is alive, and where: SRS's proxies learn of their servers so.
 * Spec: SRS compatibility §1B `heartbeat`.
 */
import { networkInterfaces } from "node:os";
import type { Config } from "../../protocol/conf/config.ts";
import { TransportError } from "../../protocol/errors.ts";
import { HOOK_REPLY_BYTES_MAX } from "../../protocol/limits.ts";
import { HttpCaller } from "../hooks/http-call.ts";
import { judgeReply } from "../hooks/reply.ts";
import type { Logger } from "../log/logger.ts";
import { maskSecrets } from "../log/secrets.ts";
import { writeEndpoint } from "./raw-routes.ts";

/** It is looked this often whether one is due. */
const LOOK_MS = 100;
const ANSWER_MS = 10_000;
const LOOPBACK = "127.0.0.1";

/** What is told about. */
export interface HeartbeatHost {
  config(): Config;
  readonly log: Logger;
  readonly serverId: string;
  readonly serviceId: string;
  /** weir's own. */
  readonly version: string;
  /** `data` of the endpoint. */
  readonly summaries: () => object;
  /** Milliseconds, monotonic. */
  now(): number;
}

/** Sends them, one at a time, by the configuration in force. */
export class Heartbeat {
  readonly #host: HeartbeatHost;
  readonly #http = new HttpCaller();
  readonly #timer: NodeJS.Timeout;
  /** When the last one was due. Milliseconds, monotonic. */
  #wasDue: number = Number.NEGATIVE_INFINITY;
  #isUnderWay = false;
  #isClosed = false;
  /** What came of the last one, '' for an answer: told when it changes. */
  #trouble = "";

  constructor(host: HeartbeatHost) {
    this.#host = host;
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  /** Sends no more; one that is under way is cut. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#http.close();
  }

  #look(): void {
    const { enabled, intervalMs } = this.#host.config().heartbeat;
    const now = this.#host.now();
    if (!enabled) {
      this.#wasDue = Number.NEGATIVE_INFINITY;
    } else if (!this.#isUnderWay && now >= this.#wasDue + intervalMs) {
      // Those that were missed are not sent later.
      this.#wasDue = Math.max(this.#wasDue + intervalMs, now - LOOK_MS);
      void this.#send();
    }
  }

  /** Never rejects. */
  async #send(): Promise<void> {
    const { url } = this.#host.config().heartbeat;
    this.#isUnderWay = true;
    try {
      const answer = await this.#http.call({
        method: "POST",
        url,
        headers: {
          "content-type": "application/json",
          "user-agent": `weir/${this.#host.version}`,
        },
        body: JSON.stringify(this.#body()),
        timeoutMs: ANSWER_MS,
        replyBytesMax: HOOK_REPLY_BYTES_MAX,
        isCut: false,
        tlsVerify: true,
      });
      const reply = judgeReply(answer);
      this.#came(url, reply.kind === "allowed" ? "" : reply.text);
    } catch (error) {
      const isKnown = error instanceof TransportError || error instanceof TypeError;
      this.#came(url, isKnown ? error.message : String(error));
    } finally {
      this.#isUnderWay = false;
    }
  }

  #came(url: string, trouble: string): void {
    const shown = maskSecrets(url.replace(/\?.*$/s, "?…"));
    const told = trouble === "" ? "" : `${shown}: ${trouble}`;
    if (told === this.#trouble || this.#isClosed) {
      return;
    }
    this.#trouble = told;
    if (told === "") {
      this.#host.log.info("heartbeat", `${shown} answers`);
    } else {
      this.#host.log.warn("heartbeat", told, "ERR_HEARTBEAT");
    }
  }

  #body(): object {
    const { serverId, serviceId, summaries } = this.#host;
    const { heartbeat, ...config } = this.#host.config();
    return {
      device_id: heartbeat.deviceId,
      ip: localAddress(heartbeat.network),
      server: serverId,
      service: serviceId,
      pid: String(process.pid),
      ...(heartbeat.summaries ? { summaries: { data: summaries() } } : {}),
      ...(heartbeat.ports ? portsOf(config) : {}),
    };
  }
}

/** What listens, each under SRS's name for it. */
function portsOf({
  listen,
  httpServer,
  httpApi,
}: Pick<Config, "listen" | "httpServer" | "httpApi">): object {
  return {
    rtmp: listen.map(writeEndpoint),
    ...(httpServer.enabled ? { http: httpServer.listen.map(writeEndpoint) } : {}),
    ...(httpApi.enabled ? { api: httpApi.listen.map(writeEndpoint) } : {}),
  };
}

/** The host's IPv4 addresses, those that others reach first. */
function localAddress(index: number): string {
  const all = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family }) => family === "IPv4");
  const outer = all.filter(({ internal }) => !internal);
  const addresses = outer.length > 0 ? outer : all;
  return addresses[index % addresses.length]?.address ?? LOOPBACK;
}
