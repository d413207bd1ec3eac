/** FLV files that ffmpeg wrote, against what ffprobe said of their tracks and packets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { classifyAudio, classifyData, FrameClass } from "../../../src/protocol/flv/classify.ts";
import { describeAudio, describeVideo } from "../../../src/protocol/flv/describe.ts";
import {
  AudioBody,
  decodeAudioBody,
  decodeVideoBody,
  VideoBody,
} from "../../../src/protocol/flv/media-body.ts";
import {
  encodeFlvHeader,
  encodeFlvTag,
  type FlvTag,
  FlvTagDecoder,
  FlvTagType,
} from "../../../src/protocol/flv/tag.ts";
import { fixture, fixtureNames, join, jsonFixture } from "./vectors.ts";

interface Probe {
  readonly streams: readonly {
    readonly type: "audio" | "video";
    readonly codec: string;
    readonly width: number | null;
    readonly height: number | null;
    readonly sampleRate: number | null;
    readonly channels: number | null;
  }[];
  readonly packets: readonly (readonly [string, number, number, number, boolean])[];
}

const CODECS: Readonly<Record<string, string>> = {
  h264: "H264",
  flv1: "H263",
  flashsv: "Screen",
  aac: "AAC",
  mp3: "MP3",
  pcm_alaw: "PCMA",
  pcm_mulaw: "PCMU",
  pcm_s16le: "PCM",
  adpcm_swf: "ADPCM",
  nellymoser: "Nellymoser",
  speex: "Speex",
};

const probes = jsonFixture("flv/packets.json") as Readonly<Record<string, Probe>>;

function readTags(bytes: Uint8Array): FlvTag[] {
  const tags: FlvTag[] = [];
  new FlvTagDecoder().push(bytes, {
    tag: (tag) => tags.push({ ...tag, payload: tag.payload.slice() }),
  });
  return tags;
}

/** What ffprobe would print of the coded frames: type, dts, pts, size, is key. */
function packetsOf(tags: readonly FlvTag[]): unknown[] {
  const video = new VideoBody();
  const audio = new AudioBody();
  const packets: unknown[] = [];
  for (const { type, timestamp, payload } of tags) {
    if (type === FlvTagType.Video) {
      decodeVideoBody(payload, video);
      const isKey = video.frameClass === FrameClass.Keyframe;
      if (isKey || video.frameClass === FrameClass.Inter) {
        const size = video.bodyEnd - video.bodyStart;
        packets.push(["video", timestamp, timestamp + video.compositionTimeMs, size, isKey]);
      }
    } else if (type === FlvTagType.Audio) {
      decodeAudioBody(payload, audio);
      if (audio.frameClass === FrameClass.Audio) {
        packets.push(["audio", timestamp, timestamp, audio.bodyEnd - audio.bodyStart, true]);
      }
    }
  }
  return packets;
}

function checkTracks(name: string, tags: readonly FlvTag[]): void {
  for (const stream of probes[name]?.streams ?? []) {
    const type = stream.type === "video" ? FlvTagType.Video : FlvTagType.Audio;
    const first = tags.find((tag) => tag.type === type)?.payload ?? new Uint8Array(0);
    if (stream.type === "video") {
      const { codec, width, height, configError } = describeVideo(first);
      assert.equal(configError, null);
      assert.equal(codec, CODECS[stream.codec]);
      if (codec === "H264") {
        assert.deepEqual([width, height], [stream.width, stream.height]);
      }
    } else {
      const { codec, sampleRate, channels, configError } = describeAudio(first);
      assert.equal(configError, null);
      assert.equal(codec, CODECS[stream.codec]);
      assert.deepEqual([sampleRate, channels], [stream.sampleRate, stream.channels]);
    }
  }
}

test("every FLV fixture has a probe", () => {
  assert.deepEqual(fixtureNames("flv", ".flv"), Object.keys(probes).sort());
});

for (const [name, probe] of Object.entries(probes)) {
  test(`ffprobe agrees on ${name}: tracks, and each packet's times, size and key flag`, () => {
    const tags = readTags(fixture(`flv/${name}`));
    assert.equal(tags[0]?.type, FlvTagType.Script);
    assert.equal(classifyData(tags[0].payload), FrameClass.Metadata);
    checkTracks(name, tags);
    const byType = (type: string) => (packet: unknown) => (packet as unknown[])[0] === type;
    const found = packetsOf(tags);
    assert.equal(found.length, probe.packets.length);
    assert.ok(found.length > 0);
    // ffprobe orders packets of equal time its own way: each track is compared in its own order.
    for (const type of ["video", "audio"]) {
      assert.deepEqual(found.filter(byType(type)), probe.packets.filter(byType(type)));
    }
  });

  test(`${name} written again is the same file`, () => {
    const bytes = fixture(`flv/${name}`);
    const types = new Set(probe.streams.map((stream) => stream.type));
    const header = encodeFlvHeader({ hasAudio: types.has("audio"), hasVideo: types.has("video") });
    const copy = join(header, ...readTags(bytes).map((tag) => encodeFlvTag(tag)));
    assert.ok(Buffer.from(copy).equals(bytes));
  });
}

test("one AAC header precedes the sound", () => {
  const audio = readTags(fixture("flv/aac-only.flv")).filter(
    (tag) => tag.type === FlvTagType.Audio,
  );
  const classes = audio.map((tag) => classifyAudio(tag.payload));
  assert.equal(classes[0], FrameClass.AudioHeader);
  assert.ok(classes.slice(1).every((each) => each === FrameClass.Audio));
});
