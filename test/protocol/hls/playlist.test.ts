/** Playlists: window, numbers, text, low latency, viewers' parameters. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { MediaPlaylist, type NewSegment } from "../../../src/protocol/hls/media-playlist.ts";
import {
  encodeMediaPlaylist,
  encodeSessionPlaylist,
} from "../../../src/protocol/hls/playlist-text.ts";
import { decodeReloadQuery } from "../../../src/protocol/hls/reload-query.ts";
import { decodeResumePoint } from "../../../src/protocol/hls/resume.ts";
import { PlaylistWatch, readPlaylist } from "../../support/playlist-check.ts";

const LIMIT = { timeout: 10_000 };

function makeSegment(uri: string, durationMs: number, over: Partial<NewSegment> = {}): NewSegment {
  const rest = { isDiscontinuity: false, startWallMs: null, key: null, initUri: null };
  return { uri, durationMs, ...rest, ...over };
}

type Step = "break" | "all" | { readonly length: number; readonly isBreak: boolean };

/** @returns whether a segment was listed. */
function take(playlist: MediaPlaylist, step: Step): boolean {
  if (step === "all") {
    playlist.takeAll();
    return false;
  }
  if (step === "break") {
    playlist.breakLine();
    return false;
  }
  const uri = `${playlist.nextSequence}.ts`;
  return playlist.add(makeSegment(uri, step.length, { isDiscontinuity: step.isBreak }), 0) !== null;
}

describe("media playlist", () => {
  test("the text of SRS", LIMIT, () => {
    const playlist = new MediaPlaylist({ targetMs: 10_000, windowMs: 60_000, firstSequence: 0 });
    playlist.add(makeSegment("livestream-0.ts", 10_000), 0);
    playlist.add(makeSegment("livestream-1.ts", 9876), 0);
    playlist.add(makeSegment("livestream-2.ts", 10_040, { isDiscontinuity: true }), 0);
    assert.equal(
      encodeMediaPlaylist(playlist),
      [
        ...["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-MEDIA-SEQUENCE:0", "#EXT-X-TARGETDURATION:11"],
        ...["#EXTINF:10.000, no desc", "livestream-0.ts", "#EXTINF:9.876, no desc"],
        ...[
          "livestream-1.ts",
          "#EXT-X-DISCONTINUITY",
          "#EXTINF:10.040, no desc",
          "livestream-2.ts",
          "",
        ],
      ].join("\n"),
    );
  });

  test("hls_window: what crosses its edge stays, what left can be fetched on", LIMIT, () => {
    const playlist = new MediaPlaylist({ targetMs: 2000, windowMs: 9000 });
    for (let index = 0; index < 20; index += 1) {
      playlist.add(makeSegment(`${index}.ts`, 2000), index * 2000);
    }
    // 5 segments are 10 s: four are within 9 s and the fifth crosses.
    assert.deepEqual(
      playlist.segments.map((segment) => segment.sequence),
      [15, 16, 17, 18, 19],
    );
    assert.equal(playlist.mediaSequence, 15);
    const gone = playlist.takeDisposable(38_000).map((segment) => segment.sequence);
    // Segment 14 left at 38 s; it stays for its own length, the playlist's, and two targets.
    assert.deepEqual(gone, [0, 1, 2, 3, 4, 5, 6]);
    assert.deepEqual(playlist.takeDisposable(38_000), []);
    assert.equal(playlist.takeDisposable(1e9).length, 8);
  });

  test("a window shorter than three segments lists three", LIMIT, () => {
    const lengths = [undefined, 1].map((segmentsMin) => {
      const options = segmentsMin === undefined ? {} : { segmentsMin };
      const playlist = new MediaPlaylist({ targetMs: 10_000, windowMs: 1000, ...options });
      for (let index = 0; index < 6; index += 1) {
        playlist.add(makeSegment(`${index}.ts`, 10_000), 0);
      }
      return playlist.segments.length;
    });
    assert.deepEqual(lengths, [3, 1]);
  });

  test("segments too short or too long are not listed; the next is a discontinuity", LIMIT, () => {
    const playlist = new MediaPlaylist({ targetMs: 2000, windowMs: 60_000 });
    assert.equal(playlist.add(makeSegment("x.ts", 99), 0), null);
    assert.equal(playlist.add(makeSegment("0.ts", 2000), 0)?.isDiscontinuity, false);
    assert.equal(playlist.add(makeSegment("x.ts", 6001), 0), null);
    const next = playlist.add(makeSegment("1.ts", 2000), 0);
    assert.deepEqual([next?.isDiscontinuity, next?.sequence], [true, 1]);
    assert.equal(playlist.add(makeSegment("2.ts", 6000), 0)?.isDiscontinuity, false);
  });

  test("the target never shrinks and no segment is longer", LIMIT, () => {
    const playlist = new MediaPlaylist({ targetMs: 2000, windowMs: 4000, segmentsMin: 1 });
    const watch = new PlaylistWatch();
    for (const [index, length] of [2000, 5001, 300, 300, 300, 4000, 2000].entries()) {
      playlist.add(makeSegment(`${index}.ts`, length), 0);
      watch.read(encodeMediaPlaylist(playlist));
    }
    assert.equal(playlist.targetSeconds, 6);
  });

  test("any run of segments, breaks and disposals reads well", LIMIT, () => {
    const step = fc.oneof(
      fc.record({ length: fc.integer({ min: 0, max: 9000 }), isBreak: fc.boolean() }),
      fc.constantFrom("break" as const, "all" as const),
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 0, max: 20_000 }),
        (steps, windowMs) => {
          const playlist = new MediaPlaylist({ targetMs: 3000, windowMs });
          const watch = new PlaylistWatch();
          let listed = 0;
          for (const one of steps) {
            listed += take(playlist, one) ? 1 : 0;
            watch.read(encodeMediaPlaylist(playlist));
          }
          assert.equal(playlist.nextSequence, listed);
        },
      ),
    );
  });

  test("keys are said where they change, and first", LIMIT, () => {
    const playlist = new MediaPlaylist({ targetMs: 2000, windowMs: 4000 });
    const key = (name: string) => ({ uri: `${name}.key`, iv: "00112233445566778899aabbccddeeff" });
    for (let index = 0; index < 8; index += 1) {
      const name = index < 6 ? `k${index >> 2}` : "";
      playlist.add(makeSegment(`${index}.ts`, 2000, { key: name === "" ? null : key(name) }), 0);
    }
    const text = encodeMediaPlaylist(playlist);
    assert.deepEqual(text.match(/#EXT-X-KEY:.*/g), [
      '#EXT-X-KEY:METHOD=AES-128,URI="k1.key",IV=0x00112233445566778899aabbccddeeff',
      "#EXT-X-KEY:METHOD=NONE",
    ]);
    assert.deepEqual(
      readPlaylist(text).segments.map((segment) => segment.key?.slice(0, 6) ?? null),
      ["k1.key", null, null],
    );
  });

  test("fragmented MP4: version 7, the init segment where it changes", LIMIT, () => {
    const playlist = new MediaPlaylist({ targetMs: 2000, windowMs: 60_000 });
    for (const [index, initUri] of ["i1", "i1", "i2", "i2"].entries()) {
      playlist.add(makeSegment(`${index}.m4s`, 2000, { initUri, isDiscontinuity: index === 2 }), 0);
    }
    const text = encodeMediaPlaylist(playlist);
    assert.deepEqual(
      readPlaylist(text).segments.map((segment) => segment.map),
      ["i1", "i1", "i2", "i2"],
    );
    assert.equal(text.match(/EXT-X-MAP/g)?.length, 2);
    assert.match(text, /^#EXT-X-VERSION:7$/m);
    assert.doesNotMatch(text, /DATE/);
  });

  test("B-66: dates with milliseconds where they are known", LIMIT, () => {
    const playlist = new MediaPlaylist({ targetMs: 2000, windowMs: 60_000 });
    playlist.add(makeSegment("0.ts", 2000, { startWallMs: 1_700_000_000_123 }), 0);
    playlist.add(makeSegment("1.ts", 2000), 0);
    assert.match(
      encodeMediaPlaylist(playlist),
      /DATE-TIME:2023-11-14T22:13:20\.123Z\n#EXTINF.*\n0\.ts\n#EXTINF.*\n1\.ts\n$/,
    );
  });
});

describe("a playlist that goes on after a restart", () => {
  test("C-28: numbers are not used again, players are told of the break", LIMIT, () => {
    const before = new MediaPlaylist({ targetMs: 2000, windowMs: 6000 });
    for (let index = 0; index < 9; index += 1) {
      before.add(
        makeSegment(`${index}.ts`, 2000, { isDiscontinuity: index === 2 || index === 8 }),
        0,
      );
    }
    const text = encodeMediaPlaylist(before);
    const point = decodeResumePoint(text.replaceAll("\n", "\r\n"));
    const earlierTargetMs = 2000;
    assert.deepEqual(point, { firstSequence: 9, firstDiscontinuity: 2, earlierTargetMs });
    const after = new MediaPlaylist({ targetMs: 2000, windowMs: 6000, ...point });
    after.add(makeSegment("9.ts", 2000), 0);
    const [first] = readPlaylist(encodeMediaPlaylist(after)).segments;
    assert.deepEqual([first?.sequence, first?.isDiscontinuity], [9, true]);
    assert.match(encodeMediaPlaylist(after), /DISCONTINUITY-SEQUENCE:2\n/);
    assert.equal(decodeResumePoint("<html>"), null);
  });

  test("RFC 8216 4.3.3.1: the target duration of an earlier life stays, where it was one of these settings", () => {
    const earlierTargetMs = 2000;
    const targetOf = (targetMs: number): number =>
      new MediaPlaylist({ targetMs, windowMs: 6000, firstSequence: 9, earlierTargetMs })
        .targetSeconds;
    assert.equal(targetOf(1000), 2, "a segment was longer than was asked for");
    assert.equal(targetOf(5000), 5);
    assert.equal(targetOf(500), 1, "segments of these settings are never that long");
    assert.equal(decodeResumePoint("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:4\n")?.earlierTargetMs, 0);
    assert.equal(decodeResumePoint("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:-1\n"), null);
  });
});

describe("low latency", () => {
  const HEAD = { isDiscontinuity: false, startWallMs: null, key: null, initUri: "init.mp4" };

  function makeLive(segments: number, openParts: number): MediaPlaylist {
    const playlist = new MediaPlaylist({ targetMs: 2000, windowMs: 60_000, partTargetMs: 500 });
    const addParts = (sequence: number, count: number) => {
      for (let part = 0; part < count; part += 1) {
        playlist.addPart(
          {
            uri: `${sequence}.${part}.m4s`,
            durationMs: 500,
            isIndependent: part === 0,
          },
          HEAD,
        );
      }
    };
    for (let index = 0; index < segments; index += 1) {
      addParts(index, 4);
      playlist.add(makeSegment(`${index}.m4s`, 2000, { initUri: "init.mp4" }), 0);
    }
    addParts(segments, openParts);
    return playlist;
  }

  test("parts of the newest segments, the hint, what the server can do", LIMIT, () => {
    const text = encodeMediaPlaylist(makeLive(8, 2), { nextPartUri: "8.2.m4s" });
    const playlist = readPlaylist(text);
    assert.deepEqual(
      playlist.segments.map((segment) => segment.parts.length),
      [0, 0, 0, 0, 0, 4, 4, 4],
    );
    assert.deepEqual(
      playlist.openParts.map((part) => part.isIndependent),
      [true, false],
    );
    assert.equal(playlist.preloadHint, "8.2.m4s");
    assert.equal(playlist.partTargetSeconds, 0.5);
    assert.equal(
      playlist.serverControl,
      "CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.500,CAN-SKIP-UNTIL=12.0",
    );
  });

  test("a segment in the making says what its parts need", LIMIT, () => {
    const first = readPlaylist(encodeMediaPlaylist(makeLive(0, 1)));
    assert.deepEqual([first.openMap, first.isOpenDiscontinuity], ["init.mp4", false]);
    const live = makeLive(4, 0);
    live.breakLine();
    const startWallMs = 1_700_000_000_123;
    const head = { ...HEAD, initUri: "other.mp4", startWallMs };
    live.addPart({ uri: "4.0.m4s", durationMs: 500, isIndependent: true }, head);
    const text = encodeMediaPlaylist(live);
    const open = readPlaylist(text);
    assert.deepEqual([open.openMap, open.isOpenDiscontinuity], ["other.mp4", true]);
    assert.match(text, /DISCONTINUITY\n#EXT-X-MAP.*\n#EXT-X-PROGRAM.*\n#EXT-X-PART:.*\n$/);
    const listed = live.add(makeSegment("4.m4s", 500, head), 0);
    assert.equal(listed?.isDiscontinuity, true);
    assert.equal(readPlaylist(encodeMediaPlaylist(live)).isOpenDiscontinuity, false);
  });

  test("delta updates leave out what is older than six targets", LIMIT, () => {
    const live = makeLive(20, 2);
    const delta = readPlaylist(encodeMediaPlaylist(live, { isDelta: true }));
    assert.equal(delta.skipped, 14);
    assert.deepEqual(
      delta.segments.map((segment) => segment.sequence),
      [14, 15, 16, 17, 18, 19],
    );
    const short = readPlaylist(encodeMediaPlaylist(makeLive(5, 0), { isDelta: true }));
    assert.deepEqual([short.skipped, short.segments.length], [0, 5]);
  });

  test("blocking reloads (RFC 8216bis §6.2.5.2)", LIMIT, () => {
    const live = makeLive(8, 2);
    const answer = (query: string) => {
      const point = decodeReloadQuery(query)?.point;
      assert.ok(point, query);
      return live.answer(point);
    };
    const cases = [
      ["_HLS_msn=7", "ready"],
      ["_HLS_msn=0", "ready"],
      ["_HLS_msn=8", "wait"],
      ["_HLS_msn=8&_HLS_part=1", "ready"],
      ["_HLS_msn=8&_HLS_part=2", "wait"],
      ["_HLS_msn=7&_HLS_part=3", "ready"],
      // Beyond a finished segment's last part is the next one's first.
      ["_HLS_msn=7&_HLS_part=4", "ready"],
      ["_HLS_msn=9", "wait"],
      ["_HLS_msn=10", "refuse"],
      ["_HLS_msn=999999999999999", "refuse"],
    ] as const;
    for (const [query, wanted] of cases) {
      assert.equal(answer(query), wanted, query);
    }
    live.add(makeSegment("8.m4s", 1000, { initUri: "init.mp4" }), 0);
    assert.equal(answer("_HLS_msn=8&_HLS_part=2"), "wait");
    live.addPart({ uri: "9.0.m4s", durationMs: 500, isIndependent: true }, HEAD);
    assert.equal(answer("_HLS_msn=8&_HLS_part=2"), "ready");
  });

  test("queries", LIMIT, () => {
    assert.deepEqual(decodeReloadQuery("token=a&_HLS_msn=3&_HLS_skip=YES"), {
      point: { sequence: 3, part: null },
      isDelta: true,
    });
    assert.deepEqual(decodeReloadQuery(""), { point: null, isDelta: false });
    for (const query of [
      "_HLS_part=1",
      "_HLS_msn=-1",
      "_HLS_msn=1.5",
      "_HLS_msn=",
      "_HLS_msn=1&_HLS_part=x",
      `_HLS_msn=${"9".repeat(16)}`,
      "a".repeat(5000),
    ]) {
      assert.equal(decodeReloadQuery(query), null, query);
    }
  });
});

describe("hls_ctx", () => {
  test("the session's playlist, as SRS answers", LIMIT, () => {
    assert.equal(
      encodeSessionPlaylist("/live/livestream.m3u8", "90gq2"),
      "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,AVERAGE-BANDWIDTH=1\n/live/livestream.m3u8?hls_ctx=90gq2\n",
    );
  });
});

describe("the judge of playlists", () => {
  const GOOD = [
    ...["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-MEDIA-SEQUENCE:5", "#EXT-X-TARGETDURATION:2"],
    ...["#EXTINF:2.000, no desc", "5.ts", "#EXTINF:1.500, no desc", "6.ts", ""],
  ].join("\n");

  test("finds what is broken in one playlist", LIMIT, () => {
    assert.equal(readPlaylist(GOOD).segments.length, 2);
    const broken: readonly (readonly [string, string, RegExp])[] = [
      ["#EXTM3U\n", "", /begins/],
      ["2.000", "2.001", /EXTINF 2.001/],
      ["2.000", "0.000", /EXTINF 0/],
      ["2.000", "2", /no number/],
      ["#EXTINF:1.500, no desc\n", "", /without EXTINF/],
      ["6.ts\n", "", /no URI/],
      ["#EXT-X-VERSION:3\n", "", /EXT-X-VERSION/],
      ["5.ts\n", "5.ts\n#EXT-X-WHAT:1\n", /unknown/],
      ["5.ts\n", "5.ts\n#EXT-X-TARGETDURATION:3\n", /too late/],
      ["5.ts\n", "5.ts\n\n", /empty/],
    ];
    for (const [from, to, wanted] of broken) {
      assert.throws(() => readPlaylist(GOOD.replace(from, to)), wanted);
    }
  });

  test("finds what is broken from one version to the next", LIMIT, () => {
    const next = GOOD.replace("SEQUENCE:5", "SEQUENCE:6")
      .replace("#EXTINF:2.000, no desc\n5.ts\n", "")
      .concat("#EXTINF:2.000, no desc\n7.ts\n");
    const readBoth = (second: string) => {
      const watch = new PlaylistWatch();
      watch.read(GOOD);
      watch.read(second);
    };
    readBoth(next);
    assert.throws(() => readBoth(next.replace("SEQUENCE:6", "SEQUENCE:4")), /goes back/);
    assert.throws(() => readBoth(next.replace("SEQUENCE:6", "SEQUENCE:9")), /came without/);
    assert.throws(() => readBoth(next.replace("6.ts", "x.ts")), /changed/);
    assert.throws(() => readBoth(next.replace("1.500", "1.400")), /changed/);
    const counted = "#EXT-X-TARGETDURATION:2\n#EXT-X-DISCONTINUITY-SEQUENCE:1";
    assert.throws(
      () => readBoth(next.replace("#EXT-X-TARGETDURATION:2", counted)),
      /DISCONTINUITY/,
    );
  });
});
