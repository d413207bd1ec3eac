/** A stream in a player, with its ways to choose from. */
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { startPlaying } from "./playing.ts";
import type { WatchUrl } from "./urls.ts";

/** A player. */
export function Watch({ urls }: { readonly urls: readonly WatchUrl[] }): VNode {
  const playable = urls.filter(({ kind }) => kind !== null);
  const [label, setLabel] = useState("");
  const chosen = playable.find((one) => one.label === label);
  const video = useRef<HTMLVideoElement>(null);
  const [trouble, setTrouble] = useState("");
  const address = chosen?.url ?? "";
  useEffect(() => {
    const element = video.current;
    setTrouble("");
    if (element === null || chosen === undefined) {
      return undefined;
    }
    return playWhile(element, chosen, setTrouble);
  }, [address]);
  return (
    <div class="watch">
      <div class="screen">
        <video ref={video} muted playsInline controls={chosen !== undefined} aria-label="Stream" />
        {chosen === undefined && <span class="screen-note">{noteOf(playable)}</span>}
        {trouble !== "" && (
          <span class="screen-note" role="alert">
            {trouble}
          </span>
        )}
      </div>
      <fieldset class="ways">
        <legend class="unseen">Watch by</legend>
        {playable.map((one) => (
          <button
            key={one.label}
            type="button"
            aria-pressed={one.label === label}
            onClick={() => setLabel(one.label === label ? "" : one.label)}
          >
            {one.label === label ? "Stop" : `Watch ${one.label}`}
          </button>
        ))}
      </fieldset>
    </div>
  );
}

function noteOf(playable: readonly WatchUrl[]): string {
  return playable.length === 0 ? "This vhost serves nothing that a browser plays." : "Not playing";
}

/** Plays until the returned function is called, however long the library took to come. */
function playWhile(
  element: HTMLVideoElement,
  way: WatchUrl,
  failed: (why: string) => void,
): () => void {
  let isOver = false;
  let stop: (() => void) | undefined;
  const tell = (why: string): void => {
    if (!isOver) {
      failed(`Playing stopped: ${why}.`);
    }
  };
  startPlaying(element, way, tell).then(
    (stopPlaying) => {
      stop = stopPlaying;
      if (isOver) {
        stopPlaying();
      }
    },
    () => tell("the player could not be loaded"),
  );
  return () => {
    isOver = true;
    stop?.();
  };
}
