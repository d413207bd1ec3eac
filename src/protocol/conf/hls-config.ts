/** The `hls` block of a vhost. */
import type { HlsSettings } from "../control/hls.ts";
import type { SectionReader } from "./section-reader.ts";

/** Decode `hls`. What is not said about keys follows the segments: SRS's own default names no URL that works. */
export function decodeHls(hls: SectionReader): HlsSettings {
  return {
    enabled: hls.isOn("enabled"),
    fragmentMs: hls.milliseconds("hls_fragment"),
    windowMs: hls.milliseconds("hls_window"),
    targetRatio: hls.number("hls_td_ratio"),
    aofRatio: hls.number("hls_aof_ratio"),
    waitKeyframe: hls.isOn("hls_wait_keyframe"),
    tsFloor: hls.isOn("hls_ts_floor"),
    dtsDirectly: hls.isOn("hls_dts_directly"),
    onError: hls.choice("hls_on_error") as HlsSettings["onError"],
    audioCodec: hls.text("hls_acodec"),
    videoCodec: hls.text("hls_vcodec"),
    isFmp4: hls.isOn("hls_use_fmp4"),
    isLowLatency: hls.isOn("hls_ll"),
    partMs: hls.milliseconds("hls_part"),
    path: hls.text("hls_path"),
    hasFiles: hls.isOn("hls_files"),
    playlistFile: hls.text("hls_m3u8_file"),
    tsFile: hls.text("hls_ts_file"),
    fmp4File: hls.text("hls_fmp4_file"),
    initFile: hls.text("hls_init_file"),
    entryPrefix: hls.text("hls_entry_prefix"),
    cleanup: hls.isOn("hls_cleanup"),
    disposeMs: hls.milliseconds("hls_dispose"),
    isEncrypted: hls.isOn("hls_keys"),
    fragmentsPerKey: Math.max(1, hls.number("hls_fragments_per_key")),
    keyFile: hls.text("hls_key_file"),
    keyPath: setText(hls, "hls_key_file_path", hls.text("hls_path")),
    keyUrl: setText(hls, "hls_key_url", ""),
    hasSessions: hls.isOn("hls_ctx"),
    hasSegmentSessions: hls.isOn("hls_ts_ctx"),
    isMasterRelative: hls.isOn("hls_master_m3u8_path_relative"),
    isSigned: hls.isOn("hls_sign"),
  };
}

/** What is written, unless that is what counts anyway. */
function setText(hls: SectionReader, name: string, usual: string): string | null {
  const text = hls.text(name);
  return hls.isSet(name) && text !== usual ? text : null;
}
