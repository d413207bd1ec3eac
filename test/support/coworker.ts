/** The API of another origin of a mesh, that has one stream. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** What members of a mesh ask. */
export interface Coworker {
  /** `host:port`, as in `coworkers`. */
  readonly address: string;
  close(): Promise<void>;
}

/** Starts one. @param place Where it says that the stream of this name is. */
export async function openCoworker(
  stream: string,
  place: { readonly ip: string; readonly port: number },
): Promise<Coworker> {
  const api = createServer((request, response) => {
    const isKnown = request.url?.includes(`stream=${stream}&`) === true;
    response.end(JSON.stringify({ code: 0, data: { origin: isKnown ? place : null } }));
  });
  await new Promise<void>((resolve) => api.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(api.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => api.close(() => resolve())),
  };
}
