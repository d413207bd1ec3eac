/**
 * Entry of the TLS thread: RTMPS clients' encryption, and nothing of their RTMP. It may crash, hang or be terminated:
 * its own connections end, all others go on.
 */
import { parentPort, workerData } from "node:worker_threads";
import {
  type FromTls,
  TlsBoard,
  type TlsStart,
  type ToTls,
} from "../protocol/control/tls-board.ts";
import { InvariantError } from "../protocol/errors.ts";
import { runFault } from "./fault.ts";
import { monotonicMs } from "./io/clock.ts";
import { TlsRelays } from "./io/tls-relays.ts";

const HEARTBEAT_MS = 100;
/** Sessions have ended by the time of a stop; what they sent last may still be on its way. */
const FAREWELL_MS = 300;
const LOOK_MS = 10;

if (parentPort === null) {
  throw new InvariantError("the TLS front runs in a worker thread");
}
const port = parentPort;
const start = workerData as TlsStart;
const board = new TlsBoard(start.board);
const relays = new TlsRelays(board, start, (message: FromTls) => port.postMessage(message));

function beat(): void {
  board.heartbeat[0] = monotonicMs();
}

const heart = setInterval(beat, HEARTBEAT_MS);

/** Ends when nothing is left to send, or soon. */
function stop(until: number): void {
  if (relays.size > 0 && monotonicMs() < until) {
    setTimeout(() => stop(until), LOOK_MS);
    return;
  }
  relays.close();
  clearInterval(heart);
  port.close();
}

port.on("message", (message: ToTls) => {
  switch (message.kind) {
    case "give":
      relays.adopt(message.row, message.outer);
      break;
    case "settings":
      relays.change(message);
      break;
    case "fault":
      runFault(start.allowFaults, message.fault, beat);
      break;
    case "stop":
      stop(monotonicMs() + FAREWELL_MS);
  }
});
beat();
port.postMessage({ kind: "ready" } satisfies FromTls);
