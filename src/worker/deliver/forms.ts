/** The forms that viewers can ask for. */
import type { RemuxSettings } from "../../protocol/control/calls.ts";
import { FlvForm } from "./flv-form.ts";
import type { Form } from "./form.ts";
import { RawAudioForm } from "./raw-audio-form.ts";
import { TsForm } from "./ts-form.ts";

/** A stream's form as a vhost wants it. */
export function makeForm(settings: RemuxSettings): Form {
  switch (settings.format) {
    case "flv":
      return new FlvForm(settings);
    case "ts":
      return new TsForm(settings);
    case "mp3":
    case "aac":
      return new RawAudioForm(settings);
  }
}
