/** A port at which connections are never made: a listener that nobody accepts from, its queue full. */
import { connect, type Socket } from "node:net";
import koffi from "koffi";

const libc = koffi.load("libc.so.6");
const cSocket = libc.func("int socket(int, int, int)");
const cSetsockopt = libc.func("int setsockopt(int, int, int, const uint8_t *, uint32_t)");
const cBind = libc.func("int bind(int, const uint8_t *, uint32_t)");
const cListen = libc.func("int listen(int, int)");
const cClose = libc.func("int close(int)");

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const FILLERS = 4;
const FILL_MS = 150;

/** A hole that is open. */
export interface SynHole {
  close(): void;
}

/** Opens a hole at a free loopback port. @throws Error when the port is taken. */
export async function openSynHole(port: number): Promise<SynHole> {
  const descriptor = cSocket(AF_INET, SOCK_STREAM, 0) as number;
  const address = Uint8Array.of(
    AF_INET,
    0,
    port >> 8,
    port & 0xff,
    127,
    0,
    0,
    1,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
  );
  cSetsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, Uint8Array.of(1, 0, 0, 0), 4);
  const failed = cBind(descriptor, address, address.length) !== 0 || cListen(descriptor, 0) !== 0;
  if (descriptor < 0 || failed) {
    throw new Error(`no hole at port ${port}`);
  }
  const fillers: Socket[] = [];
  for (let index = 0; index < FILLERS; index += 1) {
    fillers.push(connect(port, "127.0.0.1").on("error", () => undefined));
  }
  await new Promise((resolve) => setTimeout(resolve, FILL_MS));
  return {
    close: () => {
      for (const filler of fillers) {
        filler.destroy();
      }
      cClose(descriptor);
    },
  };
}
