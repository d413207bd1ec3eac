/** A player's connection by the protocol of its target. */
import type { Reactor } from "../native/reactor.ts";
import { FlvClient } from "./flv-client.ts";
import type { MediaClient, MediaSink, MediaTarget } from "./media-client.ts";
import { RtmpClient } from "./rtmp-client.ts";

/** Connect and ask for a stream. */
export function openPlayer(reactor: Reactor, target: MediaTarget, sink: MediaSink): MediaClient {
  return target.wire === "http-flv" || target.wire === "ws-flv"
    ? new FlvClient(reactor, target, sink)
    : new RtmpClient(reactor, target, sink);
}
