/** What the primary is asked about a request. */
import type { ViewerQuestion } from "../../protocol/control/calls.ts";
import type { HttpRequest } from "../io/http-backend.ts";

/** The question of who sent this. Memory: owned. */
export function viewerQuestion(request: HttpRequest): ViewerQuestion {
  const { path, query, ip, isSecure } = request;
  return {
    path,
    query,
    host: request.header("host"),
    ip,
    referer: request.header("referer"),
    userAgent: request.header("user-agent"),
    passed: request.header("x-weir-path"),
    isSecure,
  };
}
