/**
 * `token_traverse`: a client's `connect` is shown to the origin, whose answer counts; then that connection is dropped.
 * The first origin that accepts TCP decides. Only `connect` is judged, as in SRS.
 */
import { connect } from "node:net";
import type { ClusterConfig } from "../../protocol/conf/cluster.ts";
import type { OriginAddress } from "../../protocol/conf/endpoint.ts";
import { ProtocolError, RejectedError, TransportError } from "../../protocol/errors.ts";
import { ClientSession } from "../../protocol/rtmp/client-session.ts";
import type { ConnectRequest } from "../../protocol/rtmp/server-session.ts";
import { handshakeHost } from "./handshake-host.ts";

const RTMP_PORT = 1935;
const REJECTED = "NetConnection.Connect.Rejected";

/**
 * Resolves when an origin accepts the client's connect.
 * @throws RejectedError when it refuses, or none can be reached.
 */
export async function askOrigins(
  request: ConnectRequest,
  cluster: ClusterConfig,
  answerMs: number,
): Promise<void> {
  for (const origin of cluster.origins) {
    try {
      await askOrigin(origin, request, { connectMs: cluster.connectTimeoutMs, answerMs });
      return;
    } catch (error) {
      if (!(error instanceof TransportError)) {
        throw error;
      }
    }
  }
  throw new RejectedError("ERR_EDGE_TOKEN", REJECTED, "No origin can be asked.");
}

/** @throws TransportError when it cannot be reached, RejectedError when it says no or nothing. */
function askOrigin(
  { host, port }: OriginAddress,
  request: ConnectRequest,
  limits: { readonly connectMs: number; readonly answerMs: number },
): Promise<void> {
  const { vhost, app, tcUrl, pageUrl, swfUrl, args } = request;
  const target = { schema: "rtmp", host, port: port === 0 ? RTMP_PORT : port, vhost, app, tcUrl };
  const session = new ClientSession(handshakeHost, {
    url: { ...target, stream: "", param: "", streamName: "" },
    mode: "connect",
    pageUrl,
    swfUrl,
    connectArgs: args,
  });
  return new Promise<void>((resolve, reject) => {
    const socket = connect({ host, port: target.port, noDelay: true });
    let isConnected = false;
    let timer = setTimeout(() => socket.destroy(), limits.connectMs);
    let finish = (settle: () => void): void => {
      finish = (): void => undefined;
      clearTimeout(timer);
      socket.destroy();
      settle();
    };
    const refuse = (text: string): void =>
      finish(() => reject(new RejectedError("ERR_EDGE_TOKEN", REJECTED, text)));
    const sink = {
      write: (bytes: Uint8Array) => void socket.write(Buffer.from(bytes)),
      ready: () => finish(resolve),
      media: () => undefined,
      status: () => undefined,
      closed: () => refuse("The origin refused."),
    };
    socket.on("connect", () => {
      isConnected = true;
      clearTimeout(timer);
      timer = setTimeout(() => socket.destroy(), limits.answerMs);
      session.start(sink);
    });
    socket.on("data", (bytes) => {
      try {
        session.push(new Uint8Array(bytes), sink);
      } catch (error) {
        if (!(error instanceof ProtocolError)) {
          throw error;
        }
        refuse("The origin does not speak RTMP.");
      }
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      if (isConnected) {
        refuse("The origin gave no answer.");
      } else {
        const text = `origin ${host}:${target.port} cannot be reached`;
        finish(() => reject(new TransportError("ERR_EDGE_ORIGIN", text)));
      }
    });
  });
}
