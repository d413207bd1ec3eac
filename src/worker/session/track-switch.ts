/** receiveAudio and receiveVideo of a playing row. */
import type { SocketRows } from "../io/socket-rows.ts";
import type { FanOut } from "../stream/fan-out.ts";
import { RowFlag } from "../stream/row-flags.ts";

/** One kind of media, on or off. */
export interface TrackSwitch {
  readonly kind: "audio" | "video";
  readonly enabled: boolean;
}

/**
 * Switches a track of a row. With one off the row gets copies that leave it out.
 * @returns false when the connection must be reset.
 */
export function switchTrack(
  rows: SocketRows,
  fanOut: FanOut | undefined,
  row: number,
  { kind, enabled }: TrackSwitch,
): boolean {
  const flag = kind === "audio" ? RowFlag.NoAudio : RowFlag.NoVideo;
  const { flags } = rows.board;
  const isOff = ((flags[row] ?? 0) & flag) !== 0;
  if (enabled && isOff) {
    // Frames that build on what was left out would show rubbish.
    flags[row] = ((flags[row] ?? 0) & ~flag) | (kind === "video" ? RowFlag.NeedsKeyframe : 0);
  } else if (!(enabled || isOff)) {
    const isWhole = fanOut?.detach(row) !== false;
    flags[row] = (flags[row] ?? 0) | flag | RowFlag.Copied;
    return isWhole;
  }
  return true;
}
