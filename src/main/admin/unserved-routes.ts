/**
 * Endpoints of SRS whose subjects weir does not have: whoever asks is told so by a code, as SRS tells what it cannot do,
 * and not by a path that is not there.
 */
import { ApiCode, ApiError } from "./api-error.ts";
import { ANY, type PlainRoute, type Route } from "./route.ts";
import { shape } from "./schema.ts";

/** Measuring and steering of SRS's own process: in special builds of it. */
const BUILD_OPTIONS = ["perf", "tcmalloc", "valgrind", "signal"] as const;
/** Their answers say 400 for whatever goes wrong. */
const SESSIONS = ["/rtc/v1/play", "/rtc/v1/publish", "/rtc/v1/nack", "/gb/v1/publish"] as const;
/** Spoken by status, not by code. */
const WHIP = ["/rtc/v1/whip", "/rtc/v1/whep", "/rtc/v1/whip-play"] as const;
const NOT_IMPLEMENTED = 501;

function refusing(path: string, code: ApiCode): Route {
  return {
    path,
    methods: ANY,
    about: "Not available.",
    fields: shape({}),
    answer: () => {
      throw new ApiError(code);
    },
  };
}

/** All of them; they are in no description of the API. */
export function unservedRoutes(): (Route | PlainRoute)[] {
  return [
    ...BUILD_OPTIONS.map((name) => refusing(`/api/v1/${name}`, ApiCode.RawNotAllowed)),
    ...SESSIONS.map((path) => refusing(path, ApiCode.BadRequest)),
    ...WHIP.map(
      (path): PlainRoute => ({
        path,
        methods: ANY,
        about: "Not available.",
        type: "text/plain",
        reply: () => ({ status: NOT_IMPLEMENTED, headers: {}, body: "WebRTC is not available\n" }),
      }),
    ),
  ];
}
