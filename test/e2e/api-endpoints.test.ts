/** Every endpoint of SRS's API has the fields that SRS gives it, and says what is so. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  type Answer,
  type ApiServer,
  type ClientAnswer,
  type Description,
  faultsOf,
  fieldsOf,
  type StreamAnswer,
  schemaOf,
  startApi,
} from "../support/api.ts";
import { HEVC_ENHANCED, makeEnhancedClip } from "../support/enhanced-clips.ts";
import { type Frame, readFlv } from "../support/flv-file.ts";
import { HlsClient } from "../support/hls-client.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import { REPOSITORY } from "../support/weir.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;
/** Paths that need an id, and those whose answers are no JSON in the envelope. */
function isOdd(path: string): boolean {
  return /\{id\}|\/tests\/(errors|redirects)$|[.]json$|^\/metrics$/.test(path);
}

let weir: ApiServer;
let description: Description;
const open: { close(): void }[] = [];

function clip(name: string): Frame[] {
  return readFlv(join(REPOSITORY, "test/fixtures/flv", name));
}

async function publish(server: ApiServer, name: string, frames: readonly Frame[]): Promise<void> {
  const peer = await new RtmpPeer(server.url(name), "publish").waitReady(WAIT_MS);
  open.push(new ClipPublisher(peer, frames));
}

async function play(server: ApiServer, name: string, frames = 5): Promise<void> {
  const player = new RtmpPeer(server.url(name), "play");
  open.push(player);
  await player.waitFrames(frames, WAIT_MS);
}

/** The stream of a name when it is as it should be. */
async function streamWhen(
  server: ApiServer,
  name: string,
  isReady: (stream: StreamAnswer) => boolean,
): Promise<StreamAnswer> {
  let found: StreamAnswer | undefined;
  await waitUntil(
    `stream ${name} is listed as it should be`,
    async () => {
      const { streams } = await server.get("/api/v1/streams/?count=100");
      found = streams.find((stream) => stream.name === name);
      return found !== undefined && isReady(found);
    },
    WAIT_MS,
  );
  return found ?? assert.fail();
}

function assertDescribed(path: string, answer: Answer): void {
  assert.deepEqual(faultsOf(answer, schemaOf(description, path)), [], path);
}

before(async () => {
  weir = await startApi({ directives: "stats { disk sda vda; }" });
  description = await weir.describe();
});

after(async () => {
  for (const one of open) {
    one.close();
  }
  await weir?.stop();
});

describe("with no streams", LIMIT, () => {
  test("every endpoint answers as the description says, with a slash at the end or not", async () => {
    const paths = Object.keys(description.paths).filter((path) => !isOdd(path));
    assert.ok(paths.length > 16, paths.join(" "));
    for (const path of paths) {
      const query = path.endsWith("/raw") ? "?rpc=raw" : "";
      for (const form of new Set([path, path === "/" ? path : `${path}/`])) {
        const reply = await weir.raw(form + query);
        assert.equal(reply.status, 200, form);
        assert.equal(reply.headers.get("content-type"), "application/json", form);
        assert.equal(reply.headers.get("connection"), "close", form);
        const answer = (await reply.json()) as Answer;
        assertDescribed(path, answer);
        const { code, server, service, pid } = answer;
        assert.deepEqual([code, pid], [0, String(weir.pid)], form);
        assert.match(server, /^vid-/);
        assert.match(service, /^vid-/);
      }
    }
  });

  test("the lists are empty, but for the vhosts of the configuration", async () => {
    assert.deepEqual((await weir.get("/api/v1/streams/")).streams, []);
    assert.deepEqual((await weir.get("/api/v1/clients/")).clients, []);
    const { vhosts } = await weir.get("/api/v1/vhosts/");
    assert.deepEqual(
      vhosts.map((vhost) => [vhost.name, vhost.enabled, vhost.streams]),
      [["__defaultVhost__", true, 0]],
    );
    const { vhost } = await weir.get(`/api/v1/vhosts/${vhosts[0]?.id}`);
    assert.equal(vhost.name, "__defaultVhost__");
  });

  test("what is not there has its number, with status 200", async () => {
    for (const [path, code] of [
      ["/api/v1/vhosts/vid-nobody", 2014],
      ["/api/v1/streams/vid-nobody", 2048],
      ["/api/v1/clients/nobody", 2049],
      ["/api/v1/clients/1e9", 2049],
      ["/api/v1/tests/errors", 100],
      ["/api/v1/raw?rpc=reload", 1061],
    ] as const) {
      const reply = await weir.raw(path);
      assert.equal(reply.status, 200, path);
      assert.deepEqual(await reply.json(), { code }, path);
    }
    const redirect = await weir.raw("/api/v1/tests/redirects");
    assert.deepEqual(
      [redirect.status, redirect.headers.get("location")],
      [301, "/api/v1/tests/errors"],
    );
    assert.equal((await weir.raw("/api/v1/nothing")).status, 404);
  });

  test("what SRS's console and exporters read is there by name", async () => {
    const { data: summary } = await weir.get("/api/v1/summaries");
    for (const field of [
      ..."now_ms self.version self.pid self.ppid self.argv self.cwd self.mem_kbyte".split(" "),
      ..."self.mem_percent self.cpu_percent self.srs_uptime system.cpu_percent".split(" "),
      ..."system.ilde_time system.load_1m system.conn_srs system.srs_recv_bytes".split(" "),
      ..."system.mem_ram_kbyte system.net_recv_bytes system.disk_busy_percent".split(" "),
    ]) {
      assert.ok(fieldsOf(summary).includes(field), field);
    }
    assert.equal(Reflect.get(Reflect.get(summary, "self"), "pid"), weir.pid);
    const { data: versions } = await weir.get("/api/v1/versions");
    assert.deepEqual(versions, { major: 7, minor: 0, revision: 18, version: "7.0.18" });
    const { data: request } = await weir.get("/api/v1/tests/requests");
    assert.ok(fieldsOf(request).includes("headers.sigature"));
  });
});

describe("with streams", LIMIT, () => {
  test("H.264 and AAC: codecs, counts, bytes, publisher and player", async () => {
    await publish(weir, "classic", clip("h264-aac-b-frames.flv"));
    await play(weir, "classic", 60);
    const stream = await streamWhen(
      weir,
      "classic",
      ({ video, audio, frames, clients }) =>
        video !== null && audio !== null && frames > 10 && clients === 2,
    );
    assert.deepEqual(
      [stream.video?.codec, stream.audio?.codec, stream.publish.active],
      ["H264", "AAC", true],
    );
    const { width, height, profile, level } = stream.video ?? assert.fail();
    assert.ok(width > 0 && height > 0 && profile !== "Other" && level !== "Other");
    const { sample_rate: rate, channel } = stream.audio ?? assert.fail();
    assert.ok(rate >= 8000 && channel >= 1);
    assert.ok(stream.audio_frames > 0);
    assert.ok(stream.recv_bytes > 1000 && stream.send_bytes > 1000, JSON.stringify(stream));
    assert.ok(stream.kbps.recv_30s > 0);
    assert.equal(stream.url, "/live/classic");
    assert.equal(stream.shard, "shard-0");
    const one = await weir.get(`/api/v1/streams/${stream.id}`);
    assertDescribed("/api/v1/streams/{id}", one);
    assert.equal(one.stream.name, "classic");
    const publisher = await weir.get(`/api/v1/clients/${stream.publish.cid}`);
    assertDescribed("/api/v1/clients/{id}", publisher);
    const { type, publish: isPublisher, ip, stream: of, vhost } = publisher.client;
    assert.deepEqual([type, isPublisher, ip], ["fmle-publish", true, "127.0.0.1"]);
    assert.deepEqual([of, vhost], [stream.id, stream.vhost]);
  });

  test("HEVC, audio only, and codecs without headers are told as they are", async () => {
    await publish(weir, "hevc", await makeEnhancedClip(makeScratch(), HEVC_ENHANCED, 2));
    await publish(weir, "sound", clip("aac-only.flv"));
    await publish(weir, "old", clip("sorenson-mp3.flv"));
    const hevc = await streamWhen(weir, "hevc", ({ video }) => video !== null);
    assert.deepEqual([hevc.video?.codec, hevc.audio], ["HEVC", null]);
    assert.ok((hevc.video?.width ?? 0) > 0);
    const sound = await streamWhen(weir, "sound", ({ audio }) => audio !== null);
    assert.deepEqual([sound.audio?.codec, sound.video], ["AAC", null]);
    const old = await streamWhen(weir, "old", (one) => one.audio !== null && one.video !== null);
    assert.deepEqual([old.audio?.codec, old.video?.codec], ["MP3", "H263"]);
  });

  test("lists have pages with SRS's least count, totals, and are as described", async () => {
    for (const path of ["/api/v1/streams", "/api/v1/clients", "/api/v1/vhosts"]) {
      assertDescribed(path, await weir.get(path));
    }
    const all = await weir.get("/api/v1/clients/?start=0&count=100");
    const later = await weir.get("/api/v1/clients/?start=2&count=1");
    const ids = (answer: Answer): string[] => answer.clients.map((one) => one.id);
    assert.deepEqual(ids(later), ids(all).slice(2, 12));
    assert.equal(all.total, ids(all).length);
    const odd = await weir.get("/api/v1/clients/?start=-1&count=x%27%20OR%201");
    assert.deepEqual(ids(odd), ids(all).slice(0, 10));
    const { vhosts } = await weir.get("/api/v1/vhosts");
    assert.equal(vhosts[0]?.streams, 4);
    assert.equal(vhosts[0]?.clients, all.total);
  });

  test("a stream stays listed for a while after its end, and is not active", async () => {
    for (const one of open.splice(0)) {
      one.close();
    }
    const isOver = ({ publish: state, clients }: StreamAnswer): boolean =>
      !state.active && clients === 0;
    const ended = await streamWhen(weir, "classic", isOver);
    assert.deepEqual([ended.video, ended.audio], [null, null]);
    assert.ok(ended.recv_bytes > 1000, "what it has received is not forgotten");
    assertDescribed("/api/v1/streams/{id}", await weir.get(`/api/v1/streams/${ended.id}`));
  });
});

test(
  "a vhost tells of its HLS, and viewers of HLS are clients of their stream",
  LIMIT,
  async () => {
    const http = await findFreePort();
    const server = await startApi({
      directives: `http_server { enabled on; listen 127.0.0.1:${http}; }`,
      vhost: `hls { enabled on; hls_fragment 0.5; hls_path ${makeScratch()}; }`,
    });
    try {
      await waitUntil("a gateway listens", () => isListening(http), WAIT_MS);
      await publish(server, "packaged", clip("h264-aac-b-frames.flv"));
      await streamWhen(server, "packaged", ({ publish: { active } }) => active);
      const viewer = new HlsClient(http);
      const path = await viewer.session("/live/packaged.m3u8");
      await viewer.playlist(path);
      let found: ClientAnswer | undefined;
      await waitUntil(
        "the viewer is listed with what it got",
        async () => {
          const { clients } = await server.get("/api/v1/clients/?count=100");
          found = clients.find(({ type }) => type === "hls-play");
          return (found?.send_bytes ?? 0) > 0;
        },
        WAIT_MS,
      );
      const { id, name, ip, publish: isPublisher, vhost: of, stream: at } = found ?? assert.fail();
      assert.match(path, new RegExp(`hls_ctx=${id}$`));
      assert.deepEqual([name, ip, isPublisher], ["packaged.m3u8", "127.0.0.1", false]);
      assertDescribed("/api/v1/clients/{id}", await server.get(`/api/v1/clients/${id}`));
      const stream = await streamWhen(server, "packaged", ({ clients }) => clients === 2);
      assert.deepEqual([stream.id, stream.vhost], [at, of]);
      const one = await server.get(`/api/v1/vhosts/${of}`);
      assertDescribed("/api/v1/vhosts/{id}", one);
      assert.deepEqual(one.vhost.hls, { enabled: true, fragment: 0.5 });
      assert.equal(one.vhost.clients, 2);
      const { vhosts } = await weir.get("/api/v1/vhosts");
      assert.deepEqual(vhosts[0]?.hls, { enabled: false });
    } finally {
      for (const opened of open.splice(0)) {
        opened.close();
      }
      await server.stop();
    }
  },
);

test("an edge lists what it pulls, and its origin sees the edge as a player", LIMIT, async () => {
  const vhost = `cluster { mode remote; origin 127.0.0.1:${weir.port}; }`;
  const edge = await startApi({ vhost });
  try {
    await publish(weir, "pulled", clip("h264-aac-b-frames.flv"));
    await play(edge, "pulled");
    const isThere = ({ video, recv_bytes: bytes }: StreamAnswer): boolean =>
      video !== null && bytes > 0;
    const stream = await streamWhen(edge, "pulled", isThere);
    assert.deepEqual([stream.publish, stream.clients], [{ active: true }, 1]);
    assertDescribed("/api/v1/streams", await edge.get("/api/v1/streams"));
    await waitUntil(
      "the origin has a publisher and a player",
      async () => {
        const { clients } = await weir.get("/api/v1/clients/?count=100");
        const types = clients.map(({ type, name }) => `${name} ${type}`).sort();
        return types.join() === "pulled fmle-publish,pulled rtmp-play";
      },
      WAIT_MS,
    );
  } finally {
    for (const one of open.splice(0)) {
      one.close();
    }
    await edge.stop();
  }
});
