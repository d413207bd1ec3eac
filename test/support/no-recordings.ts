/** What a packager's streams ask of it where nothing is recorded. */
import assert from "node:assert/strict";
import type { RecorderHost } from "../../src/worker/record/recorder.ts";

export const NO_RECORDINGS: Omit<RecorderHost, "now" | "wallMs"> = {
  nextRecordingId: () => assert.fail("nothing is recorded"),
  runRecordingStep: () => assert.fail("nothing is recorded"),
  recording: () => assert.fail("nothing is recorded"),
  count: () => assert.fail("nothing is recorded"),
};
