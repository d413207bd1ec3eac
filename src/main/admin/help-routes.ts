/** Endpoints that tell what there is: the tree of endpoints, versions, features, and SRS's own tests of its API. */
import { visitDirectives } from "../../protocol/conf/directives.ts";
import { ApiCode, ApiError } from "./api-error.ts";
import { ANY, type PlainRoute, READ, type Route } from "./route.ts";
import { type Schema, shape, TEXT } from "./schema.ts";
import { AUTHORS, FEATURES, TEST_REQUEST, VERSIONS } from "./shapes.ts";

/** Version of SRS whose API this is; clients compare its numbers. */
export const SRS_VERSION = "7.0.18";

const TREE: Readonly<Record<string, string>> = {
  versions: "the version of SRS whose API this is",
  summaries: "the summary (pid, argv, cwd, cpu, mem) of the server",
  rusages: "the rusage of the process",
  self_proc_stats: "the stat of the process",
  system_proc_stats: "the processor time of the host",
  meminfos: "the memory of the host",
  authors: "license and contributors",
  features: "what the server can do",
  requests: "tells a request as it came, for debugging",
  vhosts: "all vhosts, or one by id",
  streams: "streams by pages, or one by id",
  clients: "clients by pages, or one by id; DELETE ends its connection",
  raw: "reloads the configuration, where raw_api lets it",
  clusters: "whether this origin has a stream",
  perf: "not available",
  tcmalloc: "not available",
  valgrind: "not available",
  signal: "not available",
};

const TESTS: Readonly<Record<string, string>> = {
  requests: "tells a request as it came",
  errors: "always an error",
  redirects: "always a redirect to errors",
  "[vhost]": "http://error.srs.com:1985/api/v1/tests/errors",
};

function texts(names: readonly string[], more: Record<string, Schema> = {}): Schema {
  return shape({ ...Object.fromEntries(names.map((name) => [name, TEXT])), ...more });
}

function urls(fields: Schema): Schema {
  return shape({ urls: fields });
}

const ROOT: Route = {
  path: "/",
  methods: READ,
  about: "Where the API is.",
  fields: urls(
    texts(["api"], { rtc: shape({ v1: shape({ play: TEXT, publish: TEXT, nack: TEXT }) }) }),
  ),
  answer: () => ({
    urls: {
      api: "the api root",
      rtc: { v1: { play: "not available", publish: "not available", nack: "not available" } },
    },
  }),
};

const API_ROOT: Route = {
  path: "/api",
  methods: READ,
  about: "Versions of the API.",
  fields: urls(texts(["v1"])),
  answer: () => ({ urls: { v1: "the api version 1.0" } }),
};

const V1_ROOT: Route = {
  path: "/api/v1",
  methods: READ,
  about: "Endpoints of the API.",
  fields: urls(texts(Object.keys(TREE), { tests: texts(Object.keys(TESTS)) })),
  answer: () => ({ urls: { ...TREE, tests: TESTS } }),
};

const VERSION_ROUTE: Route = {
  path: "/api/v1/versions",
  methods: READ,
  about: "Version of SRS whose API this is.",
  fields: shape({ data: VERSIONS }),
  answer: () => {
    const [major, minor, revision] = SRS_VERSION.split(".").map(Number);
    return { data: { major, minor, revision, version: SRS_VERSION } };
  },
};

const AUTHORS_ROUTE: Route = {
  path: "/api/v1/authors",
  methods: READ,
  about: "License and contributors.",
  fields: shape({ data: AUTHORS }),
  answer: () => ({ data: { license: "MIT", contributors: "weir contributors" } }),
};

/** SRS's names of features, with the directive whose block does each. */
const FEATURES_BY_DIRECTIVE: readonly (readonly [string, string])[] = [
  ["ssl", "rtmps"],
  ["hls", "vhost.hls"],
  ["callback", "vhost.http_hooks"],
  ["dvr", "vhost.dvr"],
  ["transcode", "vhost.transcode"],
  ["ingest", "vhost.ingest"],
  ["caster", "stream_caster"],
];

function featuresRoute(version: string): Route {
  const working = new Set<string>();
  visitDirectives((path, { status }) => {
    if (status === "implemented") {
      working.add(path);
    }
  });
  const features = {
    ...Object.fromEntries(FEATURES_BY_DIRECTIVE.map(([name, path]) => [name, working.has(path)])),
    hds: false,
    api: true,
    httpd: true,
    stat: true,
    complex_send: true,
    tcp_nodelay: true,
    so_sendbuf: true,
    mr: true,
  };
  const build = `weir ${version}`;
  return {
    path: "/api/v1/features",
    methods: READ,
    about: "What the server can do.",
    fields: shape({ data: FEATURES }),
    answer: () => ({ data: { options: "", options2: "", build, build2: build, features } }),
  };
}

/** SRS has the endpoint in two places. */
function requestsRoute(path: string): Route {
  return {
    path,
    methods: ANY,
    about: "Tells the request as it came, for debugging.",
    fields: shape({ data: TEST_REQUEST }),
    answer: ({ method, path: asked, question }) => ({
      data: {
        // Neither headers nor query: they may hold credentials.
        uri: `http://${question.headers.host}${asked}`,
        path: asked,
        METHOD: method,
        // The name is SRS's, and clients read it.
        headers: { sigature: "weir", version: SRS_VERSION, link: "", time: Date.now() },
      },
    }),
  };
}

const ERRORS_ROUTE: Route = {
  path: "/api/v1/tests/errors",
  methods: ANY,
  about: "Always an error, code 100.",
  fields: shape({}),
  answer: () => {
    throw new ApiError(ApiCode.Test);
  },
};

/** Always a redirect. */
export const REDIRECTS_ROUTE: PlainRoute = {
  path: "/api/v1/tests/redirects",
  methods: ANY,
  about: "Always a redirect to the errors.",
  type: "text/plain",
  reply: () => ({ status: 301, headers: { location: "/api/v1/tests/errors" }, body: "" }),
};

/** All of them. @param version weir's own. */
export function helpRoutes(version: string): Route[] {
  return [
    ROOT,
    API_ROOT,
    V1_ROOT,
    VERSION_ROUTE,
    AUTHORS_ROUTE,
    featuresRoute(version),
    requestsRoute("/api/v1/requests"),
    requestsRoute("/api/v1/tests/requests"),
    ERRORS_ROUTE,
  ];
}
