/** on_hls and on_hls_notify with every answer that a server of callbacks may give: it makes no difference to anybody. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { HOOK_ANSWERS, type HookNote, HookServer } from "../support/hook-server.ts";
import { type ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { waitUntil } from "../support/scratch.ts";
import { type HlsServer, makeHlsClip, publishTo, startHls } from "./hls-runs.ts";

const WAIT_MS = 30_000;
const LIMIT = { timeout: 60_000 };
/** Segments of each stream that are looked at. */
const SEGMENTS = 3;

let hooks: HookServer;
let weir: HlsServer;
/** A stream for each answer, of the same index. */
let publishers: ClipPublisher[];

before(async () => {
  const clip = await makeHlsClip();
  hooks = await HookServer.start();
  const notify = `on_hls_notify ${hooks.url("n_[stream]")}/[app]?[ts_url]&[param]&[server_id]&[service_id];`;
  weir = await startHls({
    hls: "hls_ctx off; hls_window 60;",
    vhost: hooks.directives(["on_hls"], `${notify} hook_timeout 0.2;`),
  });
  for (const [index, answer] of HOOK_ANSWERS.entries()) {
    hooks.answers.set(`on_hls s${index}`, answer).set(`n_s${index}`, answer);
  }
  publishers = await Promise.all(
    HOOK_ANSWERS.map((_, index) => publishTo(weir.port, `s${index}?key=${index}`, clip)),
  );
});

after(async () => {
  for (const publisher of publishers ?? []) {
    publisher.close();
  }
  await weir?.close();
  await hooks?.close();
});

/** The publisher and the playlist go on, and what was told of is in the playlist. */
async function assertUnmoved(index: number, told: readonly number[]): Promise<void> {
  assert.equal(publishers[index]?.peer.end, "open");
  const first = told[0] ?? assert.fail();
  assert.deepEqual(
    told,
    told.map((_, at) => first + at),
    "each segment once, in order",
  );
  const last = told[SEGMENTS - 1] ?? 0;
  const path = `/live/s${index}.m3u8`;
  const { body } = await weir.client.get(path);
  const listed = [...body.toString().matchAll(/s\d+-(\d+)\.ts/g)].map(([, number]) =>
    Number(number),
  );
  assert.ok(
    told.slice(0, SEGMENTS).every((number) => listed.includes(number)),
    `${told.join(" ")} of ${body.toString()}`,
  );
  assert.doesNotMatch(body.toString(), /DISCONTINUITY/);
  const next = new RegExp(`s${index}-${last + 2}\\.ts`);
  const isNext = async (): Promise<boolean> =>
    next.test((await weir.client.get(path)).body.toString());
  await waitUntil("the playlist goes on", isNext, WAIT_MS);
}

for (const [index, answer] of HOOK_ANSWERS.entries()) {
  test(`F-76: on_hls, answer ${answer}: makes no difference`, LIMIT, async () => {
    const notes = (): HookNote[] =>
      hooks.of("on_hls").filter(({ fields }) => fields.stream === `s${index}`);
    await waitUntil("segments are told", () => notes().length >= SEGMENTS, WAIT_MS);
    await assertUnmoved(
      index,
      notes().map(({ fields }) => Number(fields.seq_no)),
    );
    for (const { method, fields } of notes()) {
      assert.equal(method, "POST");
      assert.equal(fields.action, "on_hls");
      assert.equal(fields.param, `?key=${index}`);
    }
  });

  test(`F-76: on_hls_notify, answer ${answer}: makes no difference`, LIMIT, async () => {
    const notes = (): HookNote[] => hooks.of(`n_s${index}`);
    await waitUntil("segments are told", () => notes().length >= SEGMENTS, WAIT_MS);
    const shape = new RegExp(
      `^/n_s${index}/live\\?s${index}-(\\d+)\\.ts&\\?key=${index}&[\\w-]+&[\\w-]+$`,
    );
    const told = notes().map(({ method, url, body }) => {
      assert.equal(method, "GET");
      assert.equal(body, "");
      return Number(shape.exec(url)?.[1] ?? assert.fail(url));
    });
    await assertUnmoved(index, told);
  });
}

test("nobody was let go, nothing was followed, another publisher comes in", LIMIT, async () => {
  assert.equal(hooks.of("elsewhere").length, 0, "a redirect was followed");
  assert.equal(weir.server.clients.size, HOOK_ANSWERS.length);
  assert.doesNotMatch(weir.log(), / ended: /);
  const peer = new RtmpPeer(`rtmp://127.0.0.1:${weir.port}/live/more`, "publish");
  (await peer.waitReady(WAIT_MS)).close();
});
