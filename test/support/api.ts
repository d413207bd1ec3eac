/** Requests to weir's HTTP API, and a check of its answers against its own description. */
import assert from "node:assert/strict";
import type { Schema } from "../../src/main/admin/schema.ts";
import { findFreePort, isListening, waitUntil } from "./scratch.ts";
import { type RunningServer, startWeir, type WeirOptions } from "./weir.ts";

/** The part of an answer's traffic. */
interface TrafficAnswer {
  readonly send_bytes: number;
  readonly recv_bytes: number;
  readonly kbps: { readonly recv_30s: number; readonly send_30s: number };
}

/** A stream, as listed. */
export interface StreamAnswer extends TrafficAnswer {
  readonly id: string;
  readonly name: string;
  readonly vhost: string;
  readonly app: string;
  readonly tcUrl: string;
  readonly url: string;
  readonly clients: number;
  readonly frames: number;
  readonly audio_frames: number;
  readonly publish: { readonly active: boolean; readonly cid?: string };
  readonly video: {
    readonly codec: string;
    readonly profile: string;
    readonly level: string;
    readonly width: number;
    readonly height: number;
  } | null;
  readonly audio: {
    readonly codec: string;
    readonly sample_rate: number;
    readonly channel: number;
  } | null;
  readonly shard: string | null;
}

/** A client, as listed. */
export interface ClientAnswer extends TrafficAnswer {
  readonly id: string;
  readonly vhost: string;
  readonly stream: string;
  readonly ip: string;
  readonly tcUrl: string;
  readonly url: string;
  readonly pageUrl: string;
  readonly name: string;
  readonly type: string;
  readonly publish: boolean;
  readonly shard: string;
}

/** A vhost, as listed. */
export interface VhostAnswer extends TrafficAnswer {
  readonly id: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly streams: number;
  readonly clients: number;
  readonly hls: { readonly enabled: boolean; readonly fragment?: number };
}

/** How a reload went, or what it would do. */
export interface ReloadAnswer {
  readonly err: number;
  readonly msg: string;
  readonly state: number;
  readonly rid: string;
  readonly steps?: readonly { readonly place: string; readonly before: string | null }[];
}

/** An answer of the API: each has some of these. */
export interface Answer {
  readonly code: number;
  readonly server: string;
  readonly service: string;
  readonly pid: string;
  readonly streams: readonly StreamAnswer[];
  readonly stream: StreamAnswer;
  readonly clients: readonly ClientAnswer[];
  readonly client: ClientAnswer;
  readonly vhosts: readonly VhostAnswer[];
  readonly vhost: VhostAnswer;
  readonly total: number;
  readonly data: object & ReloadAnswer;
}

/** The API's description of itself. */
export interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content: Readonly<Record<string, { readonly schema?: Schema }>> }>
  >;
}

/** weir with its API. */
export interface ApiServer extends RunningServer {
  readonly api: string;
  get(path: string): Promise<Answer>;
  raw(path: string, init?: RequestInit): Promise<Response>;
  describe(): Promise<Description>;
}

/** What {@link startApi} adds to the configuration. */
export interface ApiOptions extends WeirOptions {
  /** Directives inside `http_api`. */
  readonly httpApi?: string;
}

const START_TIMEOUT_MS = 15_000;

/** Starts weir with its API on a free port. */
export async function startApi(options: ApiOptions = {}): Promise<ApiServer> {
  const port = await findFreePort();
  const api = `http://127.0.0.1:${port}`;
  const block = `http_api { enabled on; listen 127.0.0.1:${port}; ${options.httpApi ?? ""} }`;
  const weir = await startWeir({
    ...options,
    directives: `${block}\n${options.directives ?? ""}`,
  });
  // Its port is opened after RTMP's.
  await waitUntil("the API listens", () => isListening(port), START_TIMEOUT_MS);
  const raw = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${api}${path}`, { redirect: "manual", signal: AbortSignal.timeout(10_000), ...init });
  return {
    ...weir,
    api,
    raw,
    describe: async () => (await (await raw("/api/v1/openapi.json")).json()) as Description,
    get: async (path) => (await (await raw(path)).json()) as Answer,
  };
}

/** Where a value is not what a schema says; empty: it is. */
export function faultsOf(value: unknown, schema: Schema, at = "$"): string[] {
  if (schema.anyOf !== undefined) {
    const each = schema.anyOf.map((one) => faultsOf(value, one, at));
    return each.some((faults) => faults.length === 0) ? [] : each.flat();
  }
  if (schema.enum !== undefined && !schema.enum.includes(value)) {
    return [`${at} is ${JSON.stringify(value)}`];
  }
  const types = [schema.type ?? []].flat();
  if (types.length > 0 && !types.some((type) => isType(value, type))) {
    return [`${at} is ${JSON.stringify(value)} and not ${types.join(" or ")}`];
  }
  if (typeof value === "number" && value < (schema.minimum ?? Number.NEGATIVE_INFINITY)) {
    return [`${at} is ${value}`];
  }
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => faultsOf(item, schema.items ?? {}, `${at}[${index}]`));
  }
  return typeof value === "object" && value !== null ? faultsIn(value, schema, at) : [];
}

function faultsIn(value: object, schema: Schema, at: string): string[] {
  const faults: string[] = [];
  for (const name of schema.required ?? []) {
    if (!Object.hasOwn(value, name)) {
      faults.push(`${at}.${name} is missing`);
    }
  }
  for (const [name, inner] of Object.entries(value)) {
    const known = schema.properties?.[name];
    if (known !== undefined) {
      faults.push(...faultsOf(inner, known, `${at}.${name}`));
    } else if (schema.additionalProperties === false) {
      faults.push(`${at}.${name} is not in the description`);
    }
  }
  return faults;
}

function isType(value: unknown, type: string): boolean {
  switch (type) {
    case "null":
      return value === null;
    case "integer":
      return Number.isInteger(value);
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    default:
      return typeof value === type;
  }
}

/** The fields of an object, sorted; a nested one's as `name.field`. */
export function fieldsOf(value: object): string[] {
  const names: string[] = [];
  for (const [name, inner] of Object.entries(value)) {
    const isObject = typeof inner === "object" && inner !== null && !Array.isArray(inner);
    names.push(...(isObject ? fieldsOf(inner).map((field) => `${name}.${field}`) : [name]));
  }
  return names.sort();
}

/** The schema of an endpoint's answer out of the server's description. */
export function schemaOf({ paths }: Description, path: string): Schema {
  const [operation] = Object.values(paths[path] ?? {});
  const content = operation?.responses["200"]?.content["application/json"];
  return content?.schema ?? assert.fail(`${path} is not described`);
}
