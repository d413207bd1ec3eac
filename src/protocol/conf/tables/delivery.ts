/** Blocks of a vhost that turn live streams into files or other protocols. */
import {
  block,
  choice,
  type DirectiveSpec,
  decimal,
  FILE_ONLY,
  HOT,
  integer,
  LATER_HOT,
  list,
  OWN_HOT,
  offUnlessOn,
  onUnlessOff,
  text,
} from "../directive-spec.ts";

const HTML = "./objs/nginx/html";

const HTTP: readonly DirectiveSpec[] = [
  block("http_static", "Files of this vhost over HTTP.", [
    offUnlessOn("enabled", "off", "Serve them.", HOT),
    text("mount", "[vhost]/", "Path they are found under.", HOT),
    text("dir", HTML, "Directory.", HOT),
  ]),
  block("http_remux", "Live streams over HTTP.", [
    offUnlessOn("enabled", "off", "Serve them.", HOT),
    text(
      "mount",
      "[vhost]/[app]/[stream].flv",
      "Path; its end selects `.flv`, `.ts`, `.mp3` or `.aac`.",
      HOT,
    ),
    decimal("fast_cache", 0, "s", "Audio that new players of `.mp3` and `.aac` get at once.", {
      ...HOT,
      min: 0,
    }),
    onUnlessOff(
      "drop_if_not_match",
      "on",
      "Leave out of FLV what its header does not announce.",
      HOT,
    ),
    onUnlessOff("has_audio", "on", "Announce audio.", HOT),
    onUnlessOff("has_video", "on", "Announce video.", HOT),
    onUnlessOff("guess_has_av", "on", "Announce what has been seen instead.", HOT),
    offUnlessOn(
      "hevc_legacy",
      "off",
      "HEVC in FLV with codec id 12, for players that do not know enhanced RTMP.",
      OWN_HOT,
    ),
  ]),
];

const DVR: DirectiveSpec = block("dvr", "Recordings.", [
  offUnlessOn("enabled", "off", "Record.", HOT),
  list("dvr_apply", "all", "Streams to record, as `app/stream`.", { ...HOT, ...FILE_ONLY }),
  choice("dvr_plan", ["session", "segment"], "One file per publish, or one per duration.", HOT),
  text(
    "dvr_path",
    `${HTML}/[app]/[stream].[timestamp].flv`,
    "File, `.flv` or `.mp4`, or a directory, in which files are `[stream].[timestamp].flv`.",
    HOT,
  ),
  integer("dvr_duration", 30, "s", "Length of a segment, a second at least.", HOT),
  onUnlessOff("dvr_wait_keyframe", "on", "End a segment at a keyframe only.", HOT),
  choice("time_jitter", ["full", "zero", "off"], "As in `play`, for FLV; MP4 has `full`.", {
    ...HOT,
    otherwise: "off",
  }),
]);

const HLS: DirectiveSpec = block("hls", "HLS.", [
  offUnlessOn("enabled", "off", "Make it.", HOT),
  decimal("hls_fragment", 10, "s", "Length of a segment.", { ...HOT, min: 0.2 }),
  decimal("hls_td_ratio", 1, "", "Target duration as a multiple of the segment.", HOT),
  decimal("hls_aof_ratio", 2.1, "", "An audio-only segment ends at this multiple.", HOT),
  decimal("hls_window", 60, "s", "Length of the playlist.", HOT),
  choice(
    "hls_on_error",
    ["continue", "ignore", "disconnect"],
    "When segments cannot be made.",
    HOT,
  ),
  text("hls_path", HTML, "Directory.", HOT),
  text("hls_m3u8_file", "[app]/[stream].m3u8", "Playlist.", HOT),
  text("hls_ts_file", "[app]/[stream]-[seq].ts", "Segments.", HOT),
  offUnlessOn("hls_use_fmp4", "off", "Segments in fragmented MP4.", HOT),
  text("hls_fmp4_file", "[app]/[stream]-[seq].m4s", "Segments in fragmented MP4.", HOT),
  text("hls_init_file", "[app]/[stream]/init.mp4", "Their header.", HOT),
  offUnlessOn(
    "hls_master_m3u8_path_relative",
    "off",
    "Relative paths in the master playlist.",
    HOT,
  ),
  text("hls_entry_prefix", "", "Put before each segment in the playlist.", HOT),
  text("hls_acodec", "aac", "Audio: `aac`, `mp3` or `an`.", HOT),
  text("hls_vcodec", "h264", "Video: `h264` or `vn`.", HOT),
  integer("hls_nb_notify", 64, "bytes", "Answer of `on_hls_notify` that is read.", HOT),
  onUnlessOff("hls_wait_keyframe", "on", "End a segment at a keyframe only.", HOT),
  offUnlessOn("hls_ts_floor", "off", "Segment by the wall clock.", HOT),
  onUnlessOff("hls_cleanup", "on", "Remove segments that left the playlist.", HOT),
  integer(
    "hls_dispose",
    120,
    "s",
    "Remove all when there was no media for this long; 0 = never.",
    HOT,
  ),
  onUnlessOff("hls_dts_directly", "on", "Use the publisher's timestamps.", HOT),
  onUnlessOff("hls_ctx", "on", "Sessions of viewers, for callbacks.", HOT),
  onUnlessOff("hls_ts_ctx", "on", "Sessions in segment requests too.", HOT),
  onUnlessOff("hls_keys", "off", "Encrypt segments.", HOT),
  integer("hls_fragments_per_key", 5, "", "Segments that share a key.", { ...HOT, min: 1 }),
  text("hls_key_file", "[app]/[stream]-[seq].key", "Key files.", HOT),
  text("hls_key_file_path", HTML, "Directory of keys.", HOT),
  text("hls_key_url", HTML, "Put before the key in the playlist.", HOT),
  offUnlessOn("hls_ll", "off", "LL-HLS: parts, blocking reloads and delta updates.", OWN_HOT),
  decimal("hls_part", 0.5, "s", "LL-HLS: longest part.", { ...OWN_HOT, min: 0.05, max: 10 }),
  onUnlessOff(
    "hls_files",
    "on",
    "Write files; off: viewers are served from memory alone.",
    OWN_HOT,
  ),
  onUnlessOff(
    "hls_sign",
    "on",
    "Where playing needs permission, give segments, parts and keys to those alone who have them from a playlist.",
    OWN_HOT,
  ),
  text("hls_storage", "", "Without effect in SRS too."),
  text("hls_mount", "", "Without effect in SRS too."),
]);

const DASH: DirectiveSpec = block("dash", "MPEG-DASH.", [
  offUnlessOn("enabled", "off", "Make it.", LATER_HOT),
  decimal("dash_fragment", 10, "s", "Length of a segment.", LATER_HOT),
  decimal("dash_update_period", 5, "s", "Period of the manifest.", LATER_HOT),
  decimal("dash_timeshift", 300, "s", "How far back viewers may go.", LATER_HOT),
  text("dash_path", HTML, "Directory.", LATER_HOT),
  text("dash_mpd_file", "[app]/[stream].mpd", "Manifest.", LATER_HOT),
  integer("dash_window_size", 5, "", "Segments in the manifest.", LATER_HOT),
  onUnlessOff("dash_cleanup", "on", "Remove segments that left the manifest.", LATER_HOT),
  integer("dash_dispose", 120, "s", "Remove all when there was no media for this long.", LATER_HOT),
]);

const HDS: DirectiveSpec = block(
  "hds",
  "Adobe HDS.",
  [
    offUnlessOn("enabled", "off", "Make it."),
    decimal("hds_fragment", 10, "s", "Length of a segment."),
    decimal("hds_window", 60, "s", "Length of the manifest."),
    text("hds_path", HTML, "Directory."),
  ],
  { isOpen: true },
);

const RTC: DirectiveSpec = block("rtc", "WebRTC of this vhost.", [
  offUnlessOn("enabled", "off", "Serve it."),
  onUnlessOff("nack", "on", "Ask for lost packets."),
  onUnlessOff("nack_no_copy", "on", "Keep sent packets without a copy."),
  onUnlessOff("twcc", "on", "Congestion feedback."),
  integer("stun_timeout", 30, "s", "Silence that ends a session."),
  offUnlessOn("stun_strict_check", "off", "Check STUN messages strictly."),
  choice("dtls_role", ["passive", "active"], "Role in the DTLS handshake."),
  choice("dtls_version", ["auto", "dtls1.0", "dtls1.2"], "Version of DTLS."),
  integer("drop_for_pt", 0, "", "Drop packets of this payload type, for tests."),
  offUnlessOn("rtmp_to_rtc", "off", "Play RTMP streams."),
  offUnlessOn("keep_bframe", "off", "Keep B-frames."),
  onUnlessOff("keep_avc_nalu_sei", "on", "Keep SEI units."),
  integer("opus_bitrate", 48_000, "bit/s", "Bitrate of Opus made from AAC."),
  offUnlessOn("rtc_to_rtmp", "off", "Give WebRTC streams to RTMP players."),
  decimal("pli_for_rtmp", 6, "s", "Period of keyframe requests."),
  integer("aac_bitrate", 48_000, "bit/s", "Bitrate of AAC made from Opus."),
]);

const SRT: DirectiveSpec = block("srt", "SRT of this vhost.", [
  offUnlessOn("enabled", "off", "Serve it."),
  onUnlessOff("srt_to_rtmp", "on", "Give SRT streams to RTMP players.", {
    variables: ["SRS_VHOST_SRT_SRT_TO_RTMP", "SRS_VHOST_SRT_TO_RTMP"],
  }),
]);

const RTSP: DirectiveSpec = block("rtsp", "RTSP of this vhost.", [
  offUnlessOn("enabled", "off", "Serve it."),
  offUnlessOn("rtmp_to_rtsp", "off", "Play RTMP streams."),
]);

/** Blocks of a vhost about other protocols and files. */
export const VHOST_DELIVERY: readonly DirectiveSpec[] = [
  ...HTTP,
  HLS,
  DASH,
  DVR,
  HDS,
  RTC,
  SRT,
  RTSP,
];
