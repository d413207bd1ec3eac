/** Playing a stream in a video element. The libraries are loaded when somebody watches. */
import type { WatchUrl } from "./urls.ts";

/** Ends it. */
export type StopPlaying = () => void;

/** Plays until stopped; `failed` is told why it does not go on. */
export async function startPlaying(
  video: HTMLVideoElement,
  { kind, url }: WatchUrl,
  failed: (why: string) => void,
): Promise<StopPlaying> {
  return kind === "hls" ? playHls(video, url, failed) : playFlv(video, url, failed);
}

async function playFlv(
  video: HTMLVideoElement,
  url: string,
  failed: (why: string) => void,
): Promise<StopPlaying> {
  const { default: mpegts } = await import("mpegts.js");
  mpegts.LoggingControl.enableAll = false;
  const player = mpegts.createPlayer(
    { type: "flv", isLive: true, url },
    { enableWorker: false, lazyLoad: false, liveBufferLatencyChasing: true },
  );
  player.on(mpegts.Events.ERROR, (_type: string, detail: string) => failed(detail));
  player.on(mpegts.Events.LOADING_COMPLETE, () => failed("the stream has ended"));
  player.attachMediaElement(video);
  player.load();
  begin(video);
  return () => player.destroy();
}

async function playHls(
  video: HTMLVideoElement,
  url: string,
  failed: (why: string) => void,
): Promise<StopPlaying> {
  const { default: Hls } = await import("hls.js/light");
  const hls = new Hls({ enableWorker: false, lowLatencyMode: true });
  hls.on(Hls.Events.ERROR, (_event, { fatal, details }) => {
    if (fatal) {
      failed(details);
    }
  });
  hls.on(Hls.Events.MANIFEST_PARSED, () => begin(video));
  hls.loadSource(url);
  hls.attachMedia(video);
  return () => hls.destroy();
}

/** A player that is stopped at once may be in the middle of it. */
function begin(video: HTMLVideoElement): void {
  void video.play().catch(() => undefined);
}
