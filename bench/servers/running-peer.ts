/** A server that runs already: `--peer NAME=rtmp://127.0.0.1:PORT/APP[+http://127.0.0.1:PORT],PID`. */
import { existsSync } from "node:fs";
import { playAddress, rtmpAddress, type ServeRequest, type ServerAdapter } from "./server.ts";

/** Where it is. */
export interface RunningPeer {
  readonly name: string;
  readonly rtmpPort: number;
  readonly app: string;
  /** 0 when it has none. */
  readonly httpPort: number;
  readonly pid: number;
}

const LOOPBACK = ["127.0.0.1", "localhost"];
const RTMP_PORT = 1935;
const HTTP_PORT = 80;

function decodeUrl(text: string, scheme: string): URL {
  const url = new URL(text);
  if (url.protocol !== `${scheme}:` || !LOOPBACK.includes(url.hostname)) {
    throw new Error(`--peer takes ${scheme}:// on 127.0.0.1, not '${text}'`);
  }
  return url;
}

/** @throws Error on what is no peer. */
export function decodeRunningPeer(text: string): RunningPeer {
  const [, name, urls, pid] = /^([\w.-]+)=(.+),(\d+)$/.exec(text) ?? [];
  if (name === undefined || urls === undefined) {
    throw new Error(`--peer takes NAME=URL,PID, not '${text}'`);
  }
  const [rtmpText = "", httpText] = urls.split("+");
  const rtmp = decodeUrl(rtmpText, "rtmp");
  const http = httpText === undefined ? undefined : decodeUrl(httpText, "http");
  return {
    name,
    rtmpPort: Number(rtmp.port) || RTMP_PORT,
    app: rtmp.pathname.replaceAll(/^\/|\/$/g, "") || "live",
    httpPort: http === undefined ? 0 : Number(http.port) || HTTP_PORT,
    pid: Number(pid),
  };
}

export function runningPeerServer(peer: RunningPeer): ServerAdapter {
  const ports = { rtmp: peer.rtmpPort, http: peer.httpPort };
  const start = ({ protocol }: ServeRequest): ReturnType<ServerAdapter["start"]> =>
    Promise.resolve({
      pid: peer.pid,
      publish: rtmpAddress(peer.rtmpPort, peer.app),
      play: { ...playAddress(protocol, ports), app: peer.app },
      hasOwnStream: false,
      stop: () => Promise.resolve(),
    });
  return {
    name: peer.name,
    absence: existsSync(`/proc/${peer.pid}`) ? "" : `no process ${peer.pid}`,
    // Its configuration is its owner's business: whatever mode is asked for, it is measured as it runs.
    modes: ["default"],
    protocols: peer.httpPort === 0 ? ["rtmp"] : ["rtmp", "http-flv", "ws-flv", "hls"],
    playerShare: 1,
    start,
  };
}
