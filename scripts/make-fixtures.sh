#!/usr/bin/env bash
# Makes the media vectors of test/fixtures with ffmpeg's own sources and encoders, and records what ffprobe says
# of each. Needs ffmpeg with libx264, libx265, libaom, libvpx, libopus, and node.
#   scripts/make-fixtures.sh
# Output: test/fixtures/flv/*.flv with flv/packets.json, test/fixtures/codec/*.bin with codec/vectors.json.
set -euo pipefail
cd "$(dirname "$0")/.."
out=test/fixtures
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out/flv" "$out/codec" "$work/flv" "$work/codec"

run() { ffmpeg -hide_banner -loglevel error -nostdin -y "$@"; }
exact=(-fflags +bitexact -flags:v +bitexact -flags:a +bitexact)
video() { echo -f lavfi -i "testsrc2=size=$1:rate=$2:duration=$3"; }
tone() { echo -f lavfi -i "sine=frequency=440:sample_rate=$1:duration=$2"; }

# --- whole FLV files: framing, classification, timestamps ---
run $(video 160x120 25 2) $(tone 44100 2) -c:v libx264 -profile:v high -b:v 60k -g 25 -bf 2 -c:a aac -b:a 32k \
  "${exact[@]}" "$work/flv/h264-aac-b-frames.flv"
run $(video 160x120 25 1) -c:v libx264 -profile:v baseline -b:v 60k -g 12 "${exact[@]}" "$work/flv/h264-only.flv"
run $(tone 44100 1) -c:a aac -b:a 32k "${exact[@]}" "$work/flv/aac-only.flv"
run $(video 160x120 10 1) $(tone 44100 1) -c:v flv -b:v 60k -g 5 -c:a libmp3lame -b:a 32k \
  "${exact[@]}" "$work/flv/sorenson-mp3.flv"
run $(video 160x120 5 1) $(tone 8000 1) -c:v flashsv -g 3 -c:a pcm_alaw "${exact[@]}" "$work/flv/screen-pcma.flv"
run $(tone 8000 1) -c:a pcm_mulaw "${exact[@]}" "$work/flv/pcmu.flv"
run $(tone 22050 1) -c:a adpcm_swf "${exact[@]}" "$work/flv/adpcm.flv"
run $(tone 44100 0.3) -c:a pcm_s16le "${exact[@]}" "$work/flv/pcm.flv"
run $(tone 22050 1) -c:a nellymoser "${exact[@]}" "$work/flv/nellymoser.flv"
run $(tone 16000 1) -c:a libspeex "${exact[@]}" "$work/flv/speex.flv"

# --- configuration records: one short file each, the record cut out below ---
avc() { local name=$1 size=$2 rate=$3; shift 3; run $(video "$size" "$rate" 0.3) -c:v libx264 "$@" "$work/codec/$name.mp4"; }
avc avc-baseline 320x240 30 -profile:v baseline -pix_fmt yuv420p
avc avc-main-cropped-1080 1920x1080 25 -profile:v main -pix_fmt yuv420p
avc avc-high-ntsc 1280x720 30000/1001 -profile:v high -pix_fmt yuv420p
avc avc-high-odd-crop 638x358 50 -profile:v high -pix_fmt yuv420p
avc avc-high10 640x360 24 -profile:v high10 -pix_fmt yuv420p10le
avc avc-high422 640x362 24 -profile:v high422 -pix_fmt yuv422p
avc avc-high444 642x361 24 -profile:v high444 -pix_fmt yuv444p
avc avc-interlaced 1920x1080 25 -profile:v high -flags +ilme+ildct -x264-params tff=1 -pix_fmt yuv420p
avc avc-scaling-lists 640x360 60 -profile:v high -x264-params cqm=jvt -pix_fmt yuv420p
avc avc-colour 640x360 25 -profile:v high -x264-params colorprim=bt709:transfer=bt709:colormatrix=bt709:overscan=show -aspect 4:3 -pix_fmt yuv420p
avc avc-level-1b 128x96 10 -profile:v baseline -level 1b -pix_fmt yuv420p

hevc() { local name=$1 size=$2 rate=$3; shift 3; run $(video "$size" "$rate" 0.3) -c:v libx265 -tag:v hvc1 "$@" "$work/codec/$name.mp4"; }
hevc hevc-main 640x360 25 -pix_fmt yuv420p -x265-params log-level=none
hevc hevc-main10-1080 1920x1080 60 -pix_fmt yuv420p10le -x265-params log-level=none
hevc hevc-rext-444 322x242 30 -pix_fmt yuv444p -x265-params log-level=none
hevc hevc-scaling-lists 640x362 30000/1001 -pix_fmt yuv420p -x265-params log-level=none:scaling-list=default
hevc hevc-sub-layers 640x360 50 -pix_fmt yuv420p -x265-params log-level=none:temporal-layers=1:bframes=3
hevc hevc-amp-long 416x240 24 -pix_fmt yuv420p -x265-params log-level=none:ref=6:bframes=8:amp=1:rect=1:preset=slow

run $(video 640x360 25 0.2) -c:v libaom-av1 -cpu-used 8 -b:v 100k "$work/codec/av1-main.mp4"
run $(video 1920x1080 30 0.1) -c:v libaom-av1 -cpu-used 8 -b:v 100k -pix_fmt yuv420p10le "$work/codec/av1-main10-1080.mp4"
run $(video 640x360 25 0.2) -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 100k "$work/codec/vp9.mp4"

aac() { local name=$1 rate=$2; shift 2; run $(tone "$rate" 0.3) -c:a aac "$@" "$work/codec/$name.mp4"; }
aac aac-lc-44100-stereo 44100 -ac 2
aac aac-lc-48000-mono 48000 -ac 1
aac aac-lc-22050-stereo 22050 -ac 2
aac aac-lc-96000-stereo 96000 -ac 2
aac aac-lc-48000-5.1 48000 -ac 6
aac aac-lc-48000-7.1 48000 -af "pan=7.1(wide)|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0|c6=c0|c7=c0"
aac aac-lc-48000-octagonal 48000 -af "pan=octagonal|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0|c6=c0|c7=c0"
aac aac-main-44100 44100 -ac 2 -profile:a aac_main
run $(tone 48000 0.3) -c:a libopus -ac 2 "$work/codec/opus-stereo.ogg"
run $(tone 48000 0.3) -c:a libopus -ac 6 "$work/codec/opus-5.1.ogg"
run $(tone 44100 0.3) -c:a flac -ac 2 "$work/codec/flac-stereo.flac"

cp "$work"/flv/*.flv "$out/flv/"
node - "$work/codec" "$out" <<'NODE'
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const [, , source, out] = process.argv;
const probe = (file, ...options) =>
  JSON.parse(execFileSync('ffprobe', ['-v', 'error', '-of', 'json', ...options, file], { encoding: 'utf8' }));
const ratio = (text) => { const [n, d] = text.split('/').map(Number); return d === 0 || n === 0 ? null : n / d; };

/** The payload of the first box with this name; sizes precede names. */
const box = (bytes, name) => {
  const at = bytes.indexOf(name, 0, 'latin1');
  return bytes.subarray(at + 4, at - 4 + bytes.readUInt32BE(at - 4));
};
/** The DecoderSpecificInfo (tag 5) of an esds box. */
const specificInfo = (esds) => {
  let at = esds.indexOf(Buffer.from([0x05, 0x80, 0x80, 0x80]));
  const length = esds[at + 4];
  return esds.subarray(at + 5, at + 5 + length);
};
const cut = {
  avc: (bytes) => box(bytes, 'avcC'), hevc: (bytes) => box(bytes, 'hvcC'), av1: (bytes) => box(bytes, 'av1C'),
  vp9: (bytes) => box(bytes, 'vpcC'), aac: (bytes) => specificInfo(box(bytes, 'esds')),
  opus: (bytes) => { const at = bytes.indexOf('OpusHead'); return bytes.subarray(at, bytes.indexOf('OggS', at)); },
  flac: (bytes) => bytes.subarray(0, 42),
};
const vectors = {};
for (const file of fs.readdirSync(source).sort()) {
  const name = path.parse(file).name;
  const record = cut[name.split('-')[0]](fs.readFileSync(path.join(source, file)));
  fs.writeFileSync(path.join(out, 'codec', `${name}.bin`), record);
  const [stream] = probe(path.join(source, file), '-show_streams').streams;
  vectors[name] = stream.codec_type === 'video'
    ? { width: stream.width, height: stream.height, profile: stream.profile, level: stream.level, frameRate: ratio(stream.r_frame_rate) }
    : { profile: stream.profile ?? null, sampleRate: Number(stream.sample_rate), channels: stream.channels };
}
fs.writeFileSync(path.join(out, 'codec', 'vectors.json'), `${JSON.stringify(vectors, null, 1)}\n`);

const packets = {};
for (const file of fs.readdirSync(path.join(out, 'flv')).filter((name) => name.endsWith('.flv')).sort()) {
  const found = probe(path.join(out, 'flv', file), '-show_streams', '-show_packets');
  packets[file] = {
    streams: found.streams.map((s) => ({
      type: s.codec_type, codec: s.codec_name, width: s.width ?? null, height: s.height ?? null,
      sampleRate: s.sample_rate === undefined ? null : Number(s.sample_rate), channels: s.channels ?? null,
    })),
    // [type, dts, pts, size, is key]
    packets: found.packets.map((p) => [p.codec_type, p.dts, p.pts, Number(p.size), p.flags.startsWith('K')]),
  };
}
const lines = Object.entries(packets).map(([file, entry]) => ` ${JSON.stringify(file)}: ${JSON.stringify(entry)}`);
fs.writeFileSync(path.join(out, 'flv', 'packets.json'), `{\n${lines.join(',\n')}\n}\n`);
NODE
ls -l "$out/flv" "$out/codec"
