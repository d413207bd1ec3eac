/**
 * The servers that a request has passed, told from edge to edge: RTMP's `connect` carries them as `weir_path`, a pull by
 * HTTP-FLV in a header. A server that finds its own name among them refuses: the stream would run in a circle.
 */
import { RejectedError } from "../../protocol/errors.ts";

/** More servers than any tree has. What RTMP tells is cut further on, so a path is never cut unseen. */
const PATH_CHARACTERS_MAX = 2000;

/** A server's name as it stands in a path. It goes into a header, so that neither it nor what a client tells is trusted. */
function plain(text: string): string {
  return text.replaceAll(/[^\x21-\x7e]/g, "?");
}

/** @throws RejectedError when a server is on the path already, or the path is longer than any. @returns it, printable */
export function checkPassage(path: string, serverId: string): string {
  const known = plain(path);
  const isCircle = known.split(",").includes(nameInPath(serverId));
  if (isCircle || known.length > PATH_CHARACTERS_MAX) {
    const status = "NetConnection.Connect.Rejected";
    throw new RejectedError("ERR_EDGE_LOOP", status, "The stream would run in a circle.");
  }
  return known;
}

/** A path and one server more. */
export function extendPassage(path: string, serverId: string): string {
  const name = nameInPath(serverId);
  return path === "" ? name : `${path},${name}`;
}

function nameInPath(serverId: string): string {
  return plain(serverId).replaceAll(",", "?");
}
