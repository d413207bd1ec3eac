/** Reloads from outside, where `raw_api` lets them. Spec: SRS compatibility §2 `/api/v1/raw`. */
import type { Config } from "../../protocol/conf/config.ts";
import { addressOf } from "../../protocol/conf/endpoint.ts";
import type { PlanStep } from "../../protocol/conf/reload-plan.ts";
import { ConfigError } from "../../protocol/errors.ts";
import type { Reloader, ReloadReport } from "../config/reload.ts";
import { maskSecrets } from "../log/secrets.ts";
import { ApiCode, ApiError } from "./api-error.ts";
import type { Route, RouteRequest } from "./route.ts";
import { shape } from "./schema.ts";
import { HTTP_API, RELOAD } from "./shapes.ts";

/** A reload that takes longer goes on, and is asked for by `reload-fetch`. */
const ANSWER_MS = 8000;

/** What is used of the reloader. */
export type Reloading = Pick<Reloader, "plan" | "reload" | "report" | "settings">;

/** What reloads. */
export interface RawRoutesHost {
  config(): Config;
  /** undefined while the server starts. */
  reloader(): Reloading | undefined;
}

/** `rpc=raw`, `reload`, `reload-fetch`, and weir's own `plan`. */
export function rawRoute(host: RawRoutesHost): Route {
  return {
    path: "/api/v1/raw",
    methods: ["GET", "POST"],
    about:
      "`rpc=raw`: what is allowed; `reload`, `reload-fetch`: a reload and how it went; `plan`: what it would change.",
    parameters: ["rpc"],
    fields: shape({ "http_api?": HTTP_API, "data?": RELOAD }),
    changes: ({ query }) => query.get("rpc") === "reload",
    answer: (request) => answer(host, request),
  };
}

function answer(host: RawRoutesHost, request: RouteRequest): object | Promise<object> {
  const rpc = request.query.get("rpc") ?? "";
  const { httpApi } = host.config();
  if (rpc === "raw") {
    return { http_api: describeApi(httpApi) };
  }
  if (!httpApi.rawApi.enabled) {
    throw new ApiError(ApiCode.RawDisabled);
  }
  const reloader = host.reloader();
  if (reloader === undefined) {
    throw new ApiError(ApiCode.RawFailed);
  }
  if (rpc === "reload-fetch") {
    return { data: describeReport(reloader.report) };
  }
  if (rpc !== "reload" && rpc !== "plan") {
    const isKnown = rpc === "query" || rpc === "update";
    throw new ApiError(isKnown ? ApiCode.RawNotAllowed : ApiCode.RawFailed);
  }
  if (!httpApi.rawApi.allowReload) {
    throw new ApiError(ApiCode.RawDisabled);
  }
  return rpc === "plan" ? plan(reloader) : reload(reloader, request.who);
}

function describeApi({ enabled, listen, crossdomain, rawApi }: Config["httpApi"]): object {
  return {
    enabled,
    listen: listen.map(writeEndpoint).join(" "),
    crossdomain,
    raw_api: {
      enabled: rawApi.enabled,
      allow_reload: rawApi.allowReload,
      allow_query: false,
      allow_update: false,
    },
  };
}

/** An address as it stands in the configuration. */
export function writeEndpoint(endpoint: { readonly host: string; readonly port: number }): string {
  return endpoint.host === "" ? String(endpoint.port) : addressOf(endpoint);
}

async function reload(reloader: Reloading, who: string): Promise<object> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ANSWER_MS, undefined);
  });
  const report = await Promise.race([reloader.reload(`API, ${who}`), late]);
  clearTimeout(timer);
  const data = describeReport(report ?? reloader.report);
  if (report?.error !== undefined) {
    throw new ApiError(ApiCode.RawFailed, { data });
  }
  return { data };
}

async function plan(reloader: Reloading): Promise<object> {
  const { id, state } = reloader.report;
  try {
    const steps = (await reloader.plan()).map(describeStep);
    return { data: { err: 0, msg: "Success", state, rid: String(id), steps } };
  } catch (error) {
    if (!(error instanceof ConfigError)) {
      throw error;
    }
    const data = { err: ApiCode.ConfigInvalid, msg: error.message, state, rid: String(id) };
    throw new ApiError(ApiCode.RawFailed, { data });
  }
}

function describeReport({ id, state, error, steps }: ReloadReport): object {
  return {
    err: error === undefined ? 0 : ApiCode.ConfigInvalid,
    // With file and line where it is the file's fault.
    msg: error === undefined ? "Success" : maskSecrets(error.message),
    state,
    rid: String(id),
    steps: steps.map(describeStep),
  };
}

function describeStep({ place, before, after, effect }: PlanStep): object {
  const masked = (value: string | undefined): string | null =>
    value === undefined ? null : maskSecrets(value);
  return { place, before: masked(before), after: masked(after), effect };
}
