/** The API's own description (OpenAPI 3.1), made from its endpoints. */
import type { PlainRoute, Route } from "./route.ts";
import { INTEGER, joined, type Schema } from "./schema.ts";
import { ENVELOPE } from "./shapes.ts";

const PATH = "/api/v1/openapi.json";
const JSON_TYPE = "application/json";

/** Shape of `{"code":N}`, the answer to what cannot be met. */
const FAILURE: Schema = {
  type: "object",
  properties: { code: INTEGER, data: {} },
  required: ["code"],
  additionalProperties: false,
};

/** The endpoint that serves the description. @param version weir's own. */
export function openApiRoute(version: string, routes: readonly (Route | PlainRoute)[]): PlainRoute {
  const text = JSON.stringify(describe(version, routes));
  return {
    path: PATH,
    methods: ["GET"],
    about: "This description.",
    type: JSON_TYPE,
    reply: () => ({ status: 200, headers: {}, body: text }),
  };
}

function describe(version: string, routes: readonly (Route | PlainRoute)[]): object {
  const paths: Record<string, object> = {};
  for (const route of routes) {
    paths[route.path] = Object.fromEntries(
      route.methods.map((method) => [method.toLowerCase(), describeMethod(route)]),
    );
  }
  const auth = {
    basic: { type: "http", scheme: "basic" },
    bearer: { type: "http", scheme: "bearer" },
  };
  return {
    openapi: "3.1.0",
    info: {
      title: "weir",
      version,
      description:
        "SRS's HTTP API. Errors of the API have status 200 and a code other than 0; a slash may stand at the end of each path.",
    },
    paths,
    components: { securitySchemes: auth },
    security: [{}, { basic: [] }, { bearer: [] }],
  };
}

function describeMethod(route: Route | PlainRoute): object {
  const isJson = "fields" in route;
  const names = isJson ? (route.parameters ?? []) : [];
  const schema: Schema = isJson
    ? { anyOf: [joined(ENVELOPE, route.fields), FAILURE] }
    : { type: "string" };
  return {
    summary: route.about,
    parameters: [
      ...(route.path.endsWith("{id}") ? [parameter("id", "path")] : []),
      ...names.map((name) => parameter(name, "query")),
    ],
    responses: {
      200: {
        description: "The answer.",
        content: { [isJson ? JSON_TYPE : route.type]: isJson ? { schema } : {} },
      },
    },
  };
}

function parameter(name: string, place: "path" | "query"): object {
  return { name, in: place, required: place === "path", schema: { type: "string" } };
}
