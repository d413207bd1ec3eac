/**
 * Opens many WebSockets of one server, each after its answer had to wait, beside plain requests that come and go, and
 * prints how many there were and how many the server closed by itself. A process of its own: see the test.
 */
import { connect } from "node:net";
import { HttpBackendUws, loadUws } from "../../../src/worker/io/http-backend-uws.ts";

const LANES = 40;
const CONNECTIONS_PER_LANE = 50;
const UPGRADE = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];
const events = { drained: (): void => undefined, gone: (): void => undefined };

const library = await loadUws();
if (library === null) {
  throw new Error("uWebSockets.js does not load");
}
const backend = new HttpBackendUws(library, ({ isUpgrade }, reply) => {
  setTimeout(
    () => {
      if (!reply.isOpen) {
        return;
      }
      if (isUpgrade) {
        reply.stream(200, [], events).write(new Uint8Array(100));
      } else {
        reply.send(200, [], "x".repeat(500));
      }
    },
    5 + Math.random() * 30,
  );
});
const port = await backend.listen({ host: "127.0.0.1", port: 0, descriptor: null, tls: null });
const seen = { opened: 0, closed: 0 };

function connection(isUpgrade: boolean): Promise<void> {
  return new Promise((resolve) => {
    const client = connect(port, "127.0.0.1", () => {
      const headers = ["Host: a", ...(isUpgrade ? UPGRADE : ["Connection: close"])];
      client.write(
        `GET /${"y".repeat(Math.random() * 300)} HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n`,
      );
    });
    let isOver = false;
    client.once("data", () => {
      seen.opened += isUpgrade ? 1 : 0;
      setTimeout(
        () => {
          isOver = true;
          client.destroy();
        },
        30 + Math.random() * 50,
      );
    });
    client.on("end", () => {
      seen.closed += isUpgrade && !isOver ? 1 : 0;
    });
    client.on("error", () => undefined);
    client.on("close", () => resolve());
  });
}

async function lane(): Promise<void> {
  for (let at = 0; at < CONNECTIONS_PER_LANE; at += 1) {
    await connection(at % 2 === 0);
  }
}

await Promise.all(Array.from({ length: LANES }, lane));
process.stdout.write(JSON.stringify(seen));
backend.close();
setImmediate(() => setImmediate(() => process.exit(0)));
