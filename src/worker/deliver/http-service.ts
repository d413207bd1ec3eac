/** What answers requests on a gateway: services in an order, each of which answers or hands the request on. */
import type { HttpReply, HttpRequest } from "../io/http-backend.ts";

/** One kind of answers. It decides on methods itself; OPTIONS comes to the API only. */
export interface HttpService {
  /** Answers it, or hands it on by calling next(); never both. */
  take(request: HttpRequest, reply: HttpReply, next: () => void): void;
}
