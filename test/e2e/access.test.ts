/** `security` and `refer` at a running server: who is told what, when, and that it is logged. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type InProcess, startInProcess } from "../main/accept/in-process.ts";
import { play } from "../main/accept/wire-client.ts";
import { command } from "../protocol/rtmp/session-harness.ts";
import { RtmpPeer } from "../support/rtmp-peer.ts";
import { waitUntil } from "../support/scratch.ts";

const PAGE = "http://www.example.com/player";
const VHOSTS = `
  vhost closed { security { enabled on; } }
  vhost encoders { security { enabled on; allow publish 127.0.0.0/8; } }
  vhost banned { security { enabled on; deny publish 127.0.0.1; deny play 127.0.0.1/32; } }
  vhost elsewhere { security { enabled on; allow publish 10.0.0.0/8; allow play all; } }
  vhost page { refer { enabled on; all example.com; } }
  vhost pages { refer { enabled on; publish studio.example; play example.com; } }`;

let running: InProcess;
before(async () => {
  running = await startInProcess({ workers: 1, directives: VHOSTS });
});
after(() => running.close());

for (const [vhost, mode, pageUrl, status, line] of [
  ["closed", "publish", "", "NetStream.Publish.Denied", /refused: This address may not publish/],
  ["closed", "play", "", "NetStream.Play.Failed", /refused: This address may not play/],
  ["encoders", "publish", "", "", undefined],
  ["encoders", "play", "", "NetStream.Play.Failed", /refused: This address may not play/],
  ["banned", "publish", "", "NetStream.Publish.Denied", /refused: This address may not publish/],
  ["banned", "play", "", "NetStream.Play.Failed", /refused: This address may not play/],
  ["elsewhere", "publish", "", "NetStream.Publish.Denied", /refused: This address/],
  ["elsewhere", "play", "", "", undefined],
  ["page", "play", PAGE, "", undefined],
  ["page", "play", "", "NetConnection.Connect.Rejected", /refused: This page may not be served/],
  ["page", "publish", "", "NetConnection.Connect.Rejected", /refused: This page/],
  ["pages", "play", PAGE, "", undefined],
  ["pages", "play", "http://example.org/", "NetStream.Play.Failed", /refused: This page/],
  ["pages", "publish", PAGE, "NetStream.Publish.Denied", /refused: This page/],
  ["pages", "publish", "https://studio.example/", "", undefined],
] as const) {
  const title = `${vhost}: ${mode} from ${pageUrl || "no page"} is ${status || "served"}`;
  test(title, { timeout: 10_000 }, async () => {
    const from = running.log().length;
    const url = `rtmp://127.0.0.1:${running.port}/live/${mode}?vhost=${vhost}`;
    const peer = new RtmpPeer(url, mode, { pageUrl });
    const key = `${vhost}/live/${mode}`;
    const { coordinator } = running.server;
    if (status === "") {
      await peer.waitReady();
      peer.close();
      await waitUntil("it has left", () => coordinator.find(key) === undefined, 5000);
      return;
    }
    // The status comes before the end of the connection.
    await peer.waitEnd(5000);
    assert.ok(peer.statuses.includes(status), peer.statuses.join(" "));
    assert.equal(peer.end, "eof");
    assert.ok(!peer.isReady);
    await waitUntil("it is logged", () => line?.test(running.log().slice(from)) === true, 2000);
    assert.equal(coordinator.find(key), undefined, "no state is left of it");
  });
}

test("the rules hold for what is asked after the hand-off", { timeout: 10_000 }, async () => {
  const client = await play(running.port, "first");
  const from = running.log().length;
  client.write(command(1, "play", 4, null, "second?vhost=banned"));
  await client.waitStatus("NetStream.Play.Failed");
  assert.match(running.log().slice(from), /refused: This address may not play/);
  client.destroy();
});
