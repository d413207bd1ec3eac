/** The `dvr` block of a vhost. */
import type { DvrSettings } from "../control/recording.ts";
import type { SectionReader } from "./section-reader.ts";

/** A path without an end of these is a directory. */
const FILE_IN_DIRECTORY = "[stream].[timestamp].flv";
/** A file per frame helps nobody. */
const DURATION_MS_MIN = 1000;

/** Decode `dvr`. */
export function decodeDvr(dvr: SectionReader): DvrSettings {
  const path = dvr.text("dvr_path");
  const isMp4 = path.endsWith(".mp4");
  const isFile = isMp4 || path.endsWith(".flv");
  return {
    enabled: dvr.isOn("enabled"),
    apply: dvr.list("dvr_apply"),
    plan: dvr.choice("dvr_plan") as DvrSettings["plan"],
    path: isFile ? path : `${path.replace(/\/+$/, "")}/${FILE_IN_DIRECTORY}`,
    isMp4,
    durationMs: Math.max(DURATION_MS_MIN, dvr.milliseconds("dvr_duration")),
    waitKeyframe: dvr.isOn("dvr_wait_keyframe"),
    timeJitter: dvr.choice("time_jitter") as DvrSettings["timeJitter"],
  };
}
