/** Recordings (`dvr`): what is published is on disk, as files that players read, whatever happens to publisher, disk and server. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type InProcess, startInProcess } from "../main/accept/in-process.ts";
import { makeClip } from "../support/clips.ts";
import { type Frame, readFlv } from "../support/flv-file.ts";
import { type HookNote, HookServer } from "../support/hook-server.ts";
import { probeTimes } from "../support/mux-source.ts";
import { assertPassed } from "../support/packets.ts";
import { runChecked } from "../support/process.ts";
import { openPublisher, publishOnce } from "../support/publish-once.ts";
import { ClipPublisher, isMedia, RtmpPeer } from "../support/rtmp-peer.ts";
import { makeScratch, waitUntil } from "../support/scratch.ts";
import { type RunningServer, startWeir } from "../support/weir.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;
const PROBE = { timeoutMs: 20_000 };
const SPEED = 3;

let hooks: HookServer;
let clip: Frame[];
let clipFile: string;

before(async () => {
  clipFile = await makeClip(makeScratch(), "clip", { seconds: 3, gopFrames: 10 });
  clip = readFlv(clipFile);
  hooks = await HookServer.start();
});

after(() => hooks.close());

interface Probe {
  readonly streams: readonly { codec_type: string; nb_read_packets: string }[];
  readonly format: { readonly duration: string };
}

/** What ffprobe makes of a file; it must have nothing to say against it. */
async function probe(file: string): Promise<Probe> {
  const { stdout, stderr } = await runChecked(
    "ffprobe",
    ["-v", "warning", "-count_packets", "-show_streams", "-show_format", "-of", "json", file],
    PROBE,
  );
  assert.equal(stderr, "", file);
  return JSON.parse(stdout) as Probe;
}

const hashesOf = (frames: readonly Frame[]): string[] =>
  frames.filter(isMedia).map(({ hash }) => hash);

function filesIn(directory: string, end: string): string[] {
  const all = existsSync(directory) ? readdirSync(directory, { recursive: true }) : [];
  return all.map((name) => join(directory, String(name))).filter((name) => name.endsWith(end));
}

/** The files that callbacks have told of, for one stream. */
const toldOf = (stream: string): string[] =>
  hooks
    .of("on_dvr")
    .flatMap(({ fields }) => (fields.stream === stream ? [String(fields.file)] : []));

async function told(stream: string, count: number): Promise<string[]> {
  await waitUntil(`${count} files of ${stream}`, () => toldOf(stream).length >= count, WAIT_MS);
  return toldOf(stream);
}

function start(dvr: string, more = ""): Promise<InProcess> {
  const callbacks = hooks.directives(["on_dvr", "on_publish"]);
  return startInProcess({
    workers: 1,
    vhost: `${callbacks} dvr { enabled on; ${dvr} } ${more}`,
  });
}

/** The messages of media of each file, which must begin with time 0 and, where they have pictures, a keyframe. */
function framesOf(files: readonly string[]): Frame[][] {
  return files.map((file) => {
    const frames = readFlv(file).filter(isMedia);
    assert.equal(frames[0]?.timestamp, 0, file);
    assert.equal(frames.find(({ type }) => type === 9)?.kind, "key", file);
    return frames;
  });
}

/** Its pictures are the clip's, one after the other, over and over. */
function assertNoGap({ received }: RtmpPeer): void {
  const isPicture = ({ kind }: Pick<Frame, "kind">): boolean => kind === "key" || kind === "inter";
  const all = clip.filter(isPicture).map(({ hash }) => hash);
  const places = received.filter(isPicture).map(({ hash }) => all.indexOf(hash));
  assert.ok(places.length > 20);
  for (const [index, place] of places.slice(1).entries()) {
    assert.equal(place, ((places[index] ?? 0) + 1) % all.length);
  }
}

/** Publishes in real time until it is closed. */
async function publish(port: number, name: string): Promise<ClipPublisher> {
  return new ClipPublisher(await openPublisher(`rtmp://127.0.0.1:${port}/live/${name}`), clip);
}

/** The one file that grows there, when it has so many bytes. */
async function growing(directory: string, bytes: number, end = ".tmp"): Promise<string> {
  const grown = (): string[] =>
    filesIn(directory, end).filter((file) => statSync(file).size >= bytes);
  await waitUntil(`${bytes} bytes in ${directory}`, () => grown().length > 0, WAIT_MS);
  return grown()[0] ?? "";
}

describe("recordings", { concurrency: 4 }, () => {
  test("session: a file for each publish, with all of it; on_dvr tells of it", LIMIT, async () => {
    const directory = makeScratch();
    const weir = await start(`dvr_path ${directory}/[vhost]/[app]; dvr_apply live/a live/b;`);
    try {
      const url = `rtmp://127.0.0.1:${weir.port}/live`;
      await publishOnce(`${url}/not?k=0`, clip.slice(0, 60), SPEED);
      await publishOnce(`${url}/a?k=1`, clip, SPEED);
      await publishOnce(`${url}/a?k=2`, clip.slice(0, 60), SPEED);
      const files = await told("a", 2);
      const [whole = [], part = []] = framesOf(files);
      assert.deepEqual(hashesOf(whole), hashesOf(clip));
      assert.deepEqual(hashesOf(part), hashesOf(clip.slice(0, 60)));
      for (const file of files) {
        assert.match(file, /\/__defaultVhost__\/live\/a\.\d{13}\.flv$/);
      }
      // Over before anybody has looked.
      await publishOnce(`${url}/b?k=3`, clip, 1000);
      const [burst] = framesOf(await told("b", 1));
      assert.deepEqual(hashesOf(burst ?? []), hashesOf(clip));
      const { streams, format } = await probe(files[0] ?? "");
      assert.deepEqual(
        streams.map(({ nb_read_packets: packets }) => Number(packets)),
        [9, 8].map((kind) => clip.filter((one) => isMedia(one) && one.type === kind).length),
      );
      assert.ok(Math.abs(Number(format.duration) - 3.1) < 0.1, format.duration);
      const isOwn = ({ fields }: HookNote): boolean => ["a", "b"].includes(String(fields.stream));
      const notes = hooks.of("on_dvr").filter(isOwn);
      const publishes = hooks.of("on_publish").filter(isOwn);
      assert.equal(notes.length, 3);
      for (const [index, { fields }] of notes.entries()) {
        const { client_id: client, stream_id: id, tcUrl } = publishes[index]?.fields ?? {};
        assert.deepEqual([fields.client_id, fields.stream_id, fields.tcUrl], [client, id, tcUrl]);
        assert.deepEqual([fields.param, fields.cwd], [`?k=${index + 1}`, process.cwd()]);
      }
      assert.equal(filesIn(directory, "").filter((name) => name.includes("not")).length, 0);
      assert.deepEqual(filesIn(directory, ".tmp"), []);
    } finally {
      await weir.close();
    }
  });

  test("segments of a second, and MP4: cut at keyframes, nothing is missing", LIMIT, async () => {
    const directory = makeScratch();
    const segments = "dvr_plan segment; dvr_duration 1;";
    const [flv, mp4] = await Promise.all([
      start(`${segments} dvr_path ${directory}/[stream].flv;`),
      start(`dvr_path ${directory}/[stream].mp4;`),
    ]);
    try {
      await Promise.all([
        publishOnce(`rtmp://127.0.0.1:${flv.port}/live/segments`, clip, SPEED),
        publishOnce(`rtmp://127.0.0.1:${mp4.port}/live/film`, clip, SPEED),
      ]);
      const files = await told("segments", 3);
      // A name that there is already is no other file's.
      assert.deepEqual(
        files.map((file) => basename(file)),
        ["segments.flv", "segments-1.flv", "segments-2.flv"],
      );
      const parts = framesOf(files);
      assert.deepEqual(parts.flatMap(hashesOf), hashesOf(clip));
      assert.deepEqual(
        parts.map((frames) => frames.filter(({ kind }) => kind === "key").length),
        [3, 3, 2],
      );
      const [film = ""] = await told("film", 1);
      assertPassed(await probeTimes(clipFile), await probeTimes(film), {
        countMin: 75,
        tolerance: 1,
        toEnd: true,
      });
      const { format } = await probe(film);
      assert.ok(Math.abs(Number(format.duration) - 3.1) < 0.1, format.duration);
    } finally {
      await Promise.all([flv.close(), mp4.close()]);
    }
  });

  test(
    "a server that stops leaves whole files, one that is killed what it wrote",
    LIMIT,
    async () => {
      const directory = makeScratch();
      const begin = (name: string): Promise<RunningServer> => {
        const dvr = (end: string) =>
          `dvr { enabled on; dvr_path ${directory}/${name}/[stream].${end}; }`;
        return startWeir({
          directives: `vhost mp4.test { ${dvr("mp4")} }`,
          vhost: `${dvr("flv")} ${hooks.directives(["on_dvr"])}`,
        });
      };
      const [stopped, killed] = await Promise.all([begin("stopped"), begin("killed")]);
      const publishers = await Promise.all(
        [stopped, killed].flatMap(({ port }) => [
          publish(port, "stopping"),
          publish(port, "stopping?vhost=mp4.test"),
        ]),
      );
      const tmp = [".flv.tmp", ".mp4.tmp"];
      const left = await Promise.all(
        tmp.map((end) => growing(join(directory, "killed"), 50_000, end)),
      );
      await Promise.all(tmp.map((end) => growing(join(directory, "stopped"), 50_000, end)));
      await Promise.all([stopped.stop(), killed.process.stop("SIGKILL")]);
      for (const publisher of publishers) {
        publisher.close();
      }
      const whole = ["flv", "mp4"].map((end) => join(directory, "stopped", `stopping.${end}`));
      const source = await probeTimes(clipFile);
      for (const file of [...left, ...whole]) {
        // The clip comes again and again.
        const packets = (await probeTimes(file)).filter(({ dts }) => dts < 2500);
        const tolerance = file.includes(".mp4") ? 1 : 0;
        assertPassed(source, packets, { countMin: 20, tolerance });
      }
      assert.deepEqual(filesIn(directory, ".tmp").sort(), [...left].sort());
      assert.deepEqual(await told("stopping", 1), whole.slice(0, 1));
      for (const file of whole) {
        const { format } = await probe(file);
        assert.ok(Number(format.duration) > 1, format.duration);
      }
    },
  );

  test(
    "a disk that is full, and a directory that goes: players notice nothing",
    LIMIT,
    async () => {
      const directory = makeScratch();
      const weir = await start(`dvr_path ${directory}/[stream]/[stream].flv;`);
      const publishers = [await publish(weir.port, "full"), await publish(weir.port, "gone")];
      const player = await new RtmpPeer(
        `rtmp://127.0.0.1:${weir.port}/live/full`,
        "play",
      ).waitReady();
      try {
        const full = await growing(join(directory, "full"), 10_000);
        // Writes fail there as on a full disk.
        rmSync(full);
        symlinkSync("/dev/full", full);
        await growing(join(directory, "gone"), 10_000);
        rmSync(join(directory, "gone"), { recursive: true });
        for (const what of [/live\/full: ENOSPC/g, /live\/gone: ENOENT/g]) {
          await waitUntil(String(what), () => what.test(weir.log()), WAIT_MS);
          await player.waitFrames(player.received.length + 50, WAIT_MS);
          assert.equal(weir.log().match(what)?.length, 1, "it is told once");
        }
        for (const { peer } of publishers) {
          assert.equal(peer.end, "open");
        }
        assertNoGap(player);
      } finally {
        for (const publisher of publishers) {
          publisher.close();
        }
        player.close();
        await weir.close();
      }
    },
  );

  test("a reload begins, moves and ends a recording while the stream goes on", LIMIT, async () => {
    const directory = makeScratch();
    const dvr = `dvr_path ${directory}/[stream].flv;`;
    const at = (more: string) => ({ workers: 1, vhost: `${hooks.directives(["on_dvr"])} ${more}` });
    const weir = await startInProcess(at(""));
    const publisher = await publish(weir.port, "reloaded");
    try {
      await weir.reload(at(`dvr { enabled on; ${dvr} }`));
      await growing(directory, 10_000);
      await weir.reload(at(`dvr { enabled on; dvr_path ${directory}/other/[stream].flv; }`));
      await told("reloaded", 1);
      await growing(join(directory, "other"), 10_000);
      await weir.reload(at(`dvr { ${dvr} }`));
      const files = await told("reloaded", 2);
      assert.deepEqual(files, [
        join(directory, "reloaded.flv"),
        join(directory, "other/reloaded.flv"),
      ]);
      const [first = [], second = []] = framesOf(files);
      // One goes on where the other ends.
      const source = hashesOf(clip);
      const last = source.indexOf(hashesOf(first).at(-1) ?? "");
      assert.equal(source.indexOf(hashesOf(second)[0] ?? ""), (last + 1) % source.length);
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.deepEqual(filesIn(directory, ".tmp"), []);
      assert.equal(publisher.peer.end, "open");
    } finally {
      publisher.close();
      await weir.close();
    }
  });

  test("a packager that dies: its successor goes on with another file", LIMIT, async () => {
    const directory = makeScratch();
    const weir = await start(`dvr_path ${directory}/[stream].flv;`);
    const publisher = await publish(weir.port, "survivor");
    try {
      const left = await growing(directory, 20_000);
      const packager = weir.server.supervisor.links.find((link) => link?.role === "packager");
      await packager?.fault("throw").catch(() => undefined);
      const next = join(directory, "survivor-1.flv");
      await waitUntil("another file", () => existsSync(`${next}.tmp`), WAIT_MS);
      publisher.close();
      assert.deepEqual(await told("survivor", 1), [next]);
      assert.equal(framesOf([left, next]).length, 2);
    } finally {
      publisher.close();
      await weir.close();
    }
  });
});
