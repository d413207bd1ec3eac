/** Every endpoint and field of SRS's API against a list that was written by hand, not by weir's own description. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  type ApiServer,
  type ClientAnswer,
  fieldsOf,
  type StreamAnswer,
  startApi,
  type VhostAnswer,
} from "../support/api.ts";
import { HEVC_ENHANCED, makeEnhancedClip } from "../support/enhanced-clips.ts";
import { type Frame, readFlv } from "../support/flv-file.ts";
import { FlvViewer } from "../support/flv-viewer.ts";
import { HlsClient } from "../support/hls-client.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import {
  ANSWERED,
  AUDIO_FIELDS,
  BY_STATUS,
  CLIENT_FIELDS,
  CLIENT_TYPES,
  CONSOLE_READS,
  ENVELOPE_FIELDS,
  REFUSED,
  STREAM_FIELDS,
  VHOST_FIELDS,
  VIDEO_FIELDS,
} from "../support/srs-contract.ts";
import { REPOSITORY } from "../support/weir.ts";

const LIMIT = { timeout: 90_000 };
const WAIT_MS = 20_000;
/** Nobody listens there: who is judged by it is refused. */
const NOBODY = "http://127.0.0.1:9/";
/** What weir tells beyond SRS, of streams and clients. */
const OWN = ["shard"];

let weir: ApiServer;
let edge: ApiServer;
let http: number;
const open: { close(): void }[] = [];

before(async () => {
  http = await findFreePort();
  weir = await startApi({
    httpApi: "jsonp on;",
    directives: `http_server { enabled on; listen 127.0.0.1:${http}; }
      vhost refused.example.com { http_hooks { enabled on; on_play ${NOBODY}; on_publish ${NOBODY}; } }`,
    vhost: `http_remux { enabled on; } hls { enabled on; hls_fragment 0.5; hls_path ${makeScratch()}; }`,
  });
  await waitUntil("a gateway listens", () => isListening(http), WAIT_MS);
  edge = await startApi({ vhost: `cluster { mode remote; origin 127.0.0.1:${weir.port}; }` });
});

after(async () => {
  for (const one of open) {
    one.close();
  }
  await edge?.stop();
  await weir?.stop();
});

function assertFields(value: object, ...expected: (readonly string[])[]): void {
  assert.deepEqual(fieldsOf(value), expected.flat().sort(), JSON.stringify(value));
}

/** A track's fields, or null as it is listed. */
function trackFields(name: "video" | "audio", track: object | null): string[] {
  const fields = name === "video" ? VIDEO_FIELDS : AUDIO_FIELDS;
  return track === null ? [name] : fields.map((field) => `${name}.${field}`);
}

async function defaultVhost(server: ApiServer): Promise<VhostAnswer> {
  const { vhosts } = await server.get("/api/v1/vhosts/");
  return vhosts.find(({ name }) => name === "__defaultVhost__") ?? assert.fail("no default vhost");
}

describe("every endpoint", LIMIT, () => {
  for (const [path, fields] of ANSWERED) {
    test(`GET ${path} has these fields`, async () => {
      const reply = await weir.raw(path);
      const answer = (await reply.json()) as object;
      assert.deepEqual([reply.status, Reflect.get(answer, "code")], [200, 0]);
      assert.equal(reply.headers.get("content-type"), "application/json");
      assertFields(answer, ENVELOPE_FIELDS, fields);
    });
  }

  for (const [method, path, code] of REFUSED) {
    test(`${method} ${path} is code ${code}`, async () => {
      const body = method === "POST" ? { body: "{}" } : {};
      const reply = await weir.raw(path, { method, ...body });
      assert.deepEqual([reply.status, await reply.json()], [200, { code }]);
    });
  }

  for (const [method, path, status] of BY_STATUS) {
    test(`${method} ${path} is status ${status}`, async () => {
      const headers = { "content-type": "application/sdp" };
      const body = method === "POST" ? { body: "v=0\r\n", headers } : {};
      assert.equal((await weir.raw(path, { method, ...body })).status, status);
    });
  }

  for (const [path, fields] of CONSOLE_READS) {
    test(`srs-console reads ${path} as a script`, async () => {
      const reply = await weir.raw(`${path}${path.includes("?") ? "&" : "?"}callback=cb`);
      assert.equal(reply.headers.get("content-type"), "text/javascript");
      const [, text = ""] = /^cb\((\{.*\})\)$/.exec(await reply.text()) ?? assert.fail(path);
      const answer = JSON.parse(text) as object;
      assert.deepEqual(
        fields.filter((field) => !fieldsOf(answer).includes(field)),
        [],
      );
    });
  }
});

describe("every field of streams, clients and vhosts", LIMIT, () => {
  async function listed(server: ApiServer, names: readonly string[]): Promise<StreamAnswer[]> {
    let streams: readonly StreamAnswer[] = [];
    await waitUntil(
      `${names.join()} are listed with their tracks`,
      async () => {
        ({ streams } = await server.get("/api/v1/streams/?count=100"));
        const ready = streams.filter(({ video, audio }) => video !== null || audio !== null);
        return names.every((name) => ready.some((stream) => stream.name === name));
      },
      WAIT_MS,
    );
    return [...streams];
  }

  test("without a stream there is none, and the vhost is there", async () => {
    for (const server of [weir, edge]) {
      assert.deepEqual((await server.get("/api/v1/streams/")).streams, []);
      assert.deepEqual((await server.get("/api/v1/clients/")).clients, []);
      const vhost = await defaultVhost(server);
      assertFields(vhost, VHOST_FIELDS, server === weir ? ["hls.fragment"] : []);
    }
  });

  test("H.264 with AAC, HEVC, and AAC alone, at an origin and at its edge", async () => {
    const clip = (name: string): Frame[] => readFlv(join(REPOSITORY, "test/fixtures/flv", name));
    const clips: Record<string, readonly Frame[]> = {
      classic: clip("h264-aac-b-frames.flv"),
      hevc: await makeEnhancedClip(makeScratch(), HEVC_ENHANCED, 2),
      sound: clip("aac-only.flv"),
    };
    const names = Object.keys(clips);
    for (const [name, frames] of Object.entries(clips)) {
      const peer = await new RtmpPeer(weir.url(name), "publish").waitReady(WAIT_MS);
      open.push(new ClipPublisher(peer, frames));
      open.push(new RtmpPeer(edge.url(name), "play"));
    }
    for (const server of [weir, edge]) {
      const streams = await listed(server, names);
      assert.deepEqual(streams.map(({ name }) => name).sort(), [...names].sort());
      for (const stream of streams) {
        const { video, audio } = stream;
        const cid = server === weir ? ["publish.cid"] : [];
        const tracks = [...trackFields("video", video), ...trackFields("audio", audio)];
        assertFields(stream, STREAM_FIELDS, cid, tracks, OWN);
        assert.deepEqual(
          [video === null, audio === null],
          [stream.name === "sound", stream.name === "hevc"],
        );
        const one = await server.get(`/api/v1/streams/${stream.id}`);
        assertFields(
          one,
          ENVELOPE_FIELDS,
          fieldsOf(stream).map((field) => `stream.${field}`),
        );
      }
    }
  });

  test("clients of every kind that weir has", async () => {
    open.push(
      await new FlvViewer(`http://127.0.0.1:${http}/live/classic.flv`).waitFrames(5, WAIT_MS),
    );
    open.push(
      await new FlvViewer(`ws://127.0.0.1:${http}/live/classic.flv`).waitFrames(5, WAIT_MS),
    );
    const viewer = new HlsClient(http);
    await viewer.playlist(await viewer.session("/live/classic.m3u8"));
    const kinds = ["fmle-publish", "flv-play", "hls-play", "rtmp-play"];
    let clients: readonly ClientAnswer[] = [];
    await waitUntil(
      "all are listed",
      async () => {
        ({ clients } = await weir.get("/api/v1/clients/?count=100"));
        return kinds.every((kind) => clients.some(({ type }) => type === kind));
      },
      WAIT_MS,
    );
    for (const client of clients) {
      assertFields(client, CLIENT_FIELDS, OWN);
      assert.ok(CLIENT_TYPES.includes(client.type), client.type);
      const one = await weir.get(`/api/v1/clients/${client.id}`);
      assertFields(
        one,
        ENVELOPE_FIELDS,
        fieldsOf(client).map((field) => `client.${field}`),
      );
    }
    const named = clients
      .filter(({ url }) => url === "/live/classic")
      .map(({ type, tcUrl, name }) => `${type} ${tcUrl} ${name}`);
    const rtmp = `rtmp://127.0.0.1:${weir.port}/live classic`;
    // As a running SRS 7.0.18 tells them, but for the port of RTMP in what viewers by HTTP are said to have asked for.
    assert.deepEqual([...new Set(named)].sort(), [
      "flv-play http://127.0.0.1/live classic.flv",
      `fmle-publish ${rtmp}`,
      "hls-play http://127.0.0.1/live classic.m3u8",
      `rtmp-play ${rtmp}`,
    ]);
    const vhost = await defaultVhost(weir);
    const one = await weir.get(`/api/v1/vhosts/${vhost.id}`);
    assertFields(
      one,
      ENVELOPE_FIELDS,
      [...VHOST_FIELDS, "hls.fragment"].map((field) => `vhost.${field}`),
    );
  });
});

describe("names that nobody has published", LIMIT, () => {
  async function namesListed(): Promise<string[]> {
    const { streams } = await weir.get("/api/v1/streams/?count=100");
    return streams.map(({ name }) => name);
  }

  test("one that is waited for is listed, inactive, while somebody waits and no longer", async () => {
    const peer = await new RtmpPeer(weir.url("awaited"), "play").waitReady(WAIT_MS);
    const { streams } = await weir.get("/api/v1/streams/?count=100");
    const awaited = streams.find(({ name }) => name === "awaited") ?? assert.fail("not listed");
    assert.deepEqual([awaited.publish.active, awaited.clients], [false, 1]);
    peer.close();
    const isGone = async (): Promise<boolean> => !(await namesListed()).includes("awaited");
    // Sooner than one that was published, by far.
    await waitUntil("it is not listed", isGone, 10_000);
  });

  test("one that was refused is not listed, and makes no metrics", async () => {
    const peers = (["play", "publish"] as const).map((mode) => {
      const url = `${weir.url(`secret-${mode}`)}?vhost=refused.example.com`;
      const peer = new RtmpPeer(url, mode);
      open.push(peer);
      return peer;
    });
    await waitUntil("both are refused", () => peers.every(({ end }) => end !== "open"), WAIT_MS);
    assert.ok(peers.every(({ isReady }) => !isReady));
    assert.deepEqual(
      (await namesListed()).filter((name) => name.startsWith("secret")),
      [],
    );
    assert.doesNotMatch(await (await weir.raw("/metrics")).text(), /secret-/);
  });

  test("one that was published stays listed for a while", async () => {
    const peer = await new RtmpPeer(weir.url("brief"), "publish").waitReady(WAIT_MS);
    const clip = readFlv(join(REPOSITORY, "test/fixtures/flv/aac-only.flv"));
    const publisher = new ClipPublisher(peer, clip);
    open.push(publisher);
    const isListed = async (active: boolean): Promise<boolean> => {
      const { streams } = await weir.get("/api/v1/streams/?count=100");
      return streams.some(({ name, publish }) => name === "brief" && publish.active === active);
    };
    await waitUntil("it is active", () => isListed(true), WAIT_MS);
    publisher.close();
    await waitUntil("it is inactive", () => isListed(false), WAIT_MS);
  });
});
