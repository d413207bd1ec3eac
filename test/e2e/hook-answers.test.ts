/** Every callback with every answer that a server of callbacks may give: who may, who may not, and that nothing stays taken. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type InProcess, startInProcess } from "../main/accept/in-process.ts";
import { HOOK_ANSWERS, type HookAnswer, HookServer } from "../support/hook-server.ts";
import { RtmpPeer } from "../support/rtmp-peer.ts";
import { waitUntil } from "../support/scratch.ts";

const WAIT_MS = 20_000;
const ALLOWING: ReadonlySet<HookAnswer> = new Set(["0", "code 0", "201"]);
const ACTIONS = ["on_connect", "on_close", "on_publish", "on_unpublish", "on_play", "on_stop"];

let hooks: HookServer;
let weir: InProcess;

before(async () => {
  hooks = await HookServer.start();
  weir = await startInProcess({ workers: 1, vhost: hooks.directives(ACTIONS) });
});

after(async () => {
  await weir.close();
  await hooks.close();
});

/**
 * Calls only what is tested, and gives up soon, while an answer does not come: nothing else may be late then.
 * @returns whether it is so.
 */
async function arrange(action: string, answer: HookAnswer): Promise<boolean> {
  const isLate = answer === "hang" || answer === "half";
  if (isLate) {
    await weir.reload({ workers: 1, vhost: hooks.directives([action], "hook_timeout 0.3;") });
  }
  hooks.notes.length = 0;
  hooks.answers.clear();
  hooks.answers.set(action, answer);
  return isLate;
}

async function backToNormal(): Promise<void> {
  hooks.answers.clear();
  await weir.reload({ workers: 1, vhost: hooks.directives(ACTIONS) });
}

/** Everybody has left, and all callbacks about them are made. */
async function settle(): Promise<void> {
  const isOver = (): boolean =>
    weir.server.connections === 0 && weir.server.hooks.backlog.count === 0;
  await waitUntil("everybody has left", isOver, WAIT_MS);
}

function urlOf(name: string): string {
  return `rtmp://127.0.0.1:${weir.port}/live/${name}`;
}

async function publishAndPlay(name: string): Promise<void> {
  const publisher = await new RtmpPeer(urlOf(name), "publish").waitReady(WAIT_MS);
  const player = await new RtmpPeer(urlOf(name), "play").waitReady(WAIT_MS);
  player.close();
  publisher.close();
  await settle();
}

/** One that is refused: it hears why and no Start. */
async function assertRefused(
  name: string,
  mode: "publish" | "play",
  status: string,
): Promise<void> {
  const peer = new RtmpPeer(urlOf(name), mode);
  assert.notEqual(await peer.waitEnd(WAIT_MS), "open");
  assert.equal(peer.isReady, false);
  assert.deepEqual(
    peer.statuses.filter((code) => code.endsWith(".Start")),
    [],
  );
  assert.ok(status === "" || peer.statuses.includes(status), peer.statuses.join(" "));
  await settle();
}

for (const [action, mode, status] of [
  ["on_connect", "publish", ""],
  ["on_connect", "play", ""],
  ["on_publish", "publish", "NetStream.Publish.Denied"],
  ["on_play", "play", "NetStream.Play.Failed"],
] as const) {
  for (const answer of HOOK_ANSWERS) {
    const isAllowed = ALLOWING.has(answer);
    test(`C-31, F-76: ${action} of ${mode}, answer ${answer}: ${isAllowed ? "allowed" : "refused"}`, {
      timeout: 60_000,
    }, async () => {
      const name = `${mode}${HOOK_ANSWERS.indexOf(answer)}${action}`;
      const isAlone = await arrange(action, answer);
      if (isAllowed) {
        const peer = await new RtmpPeer(urlOf(name), mode).waitReady(WAIT_MS);
        peer.close();
        await settle();
        const end = mode === "publish" ? "on_unpublish" : "on_stop";
        assert.equal(hooks.of(end).length, 1);
      } else {
        await assertRefused(name, mode, status);
        assert.equal(hooks.of("on_unpublish").length + hooks.of("on_stop").length, 0);
      }
      for (const each of isAlone ? [action] : ["on_connect", "on_close"]) {
        assert.equal(hooks.of(each).length, 1, each);
      }
      assert.equal(hooks.of("elsewhere").length, 0, "a redirect was followed");
      await backToNormal();
      await publishAndPlay(name);
    });
  }
}

for (const action of ["on_close", "on_unpublish", "on_stop"]) {
  for (const answer of HOOK_ANSWERS) {
    test(`F-76: ${action}, answer ${answer}: makes no difference`, {
      timeout: 60_000,
    }, async () => {
      const name = `${action}${HOOK_ANSWERS.indexOf(answer)}`;
      const isAlone = await arrange(action, answer);
      await publishAndPlay(name);
      for (const each of isAlone ? [action] : ACTIONS) {
        const count = ["on_connect", "on_close"].includes(each) ? 2 : 1;
        assert.equal(hooks.of(each).length, count, each);
      }
      await backToNormal();
    });
  }
}
