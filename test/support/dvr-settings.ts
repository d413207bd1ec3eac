/** SRS's coded defaults of `dvr`. */
import type { DvrSettings } from "../../src/protocol/control/recording.ts";

export const DVR_DEFAULTS: DvrSettings = {
  enabled: false,
  apply: ["all"],
  plan: "session",
  path: "./objs/nginx/html/[app]/[stream].[timestamp].flv",
  isMp4: false,
  durationMs: 30_000,
  waitKeyframe: true,
  timeJitter: "full",
};
