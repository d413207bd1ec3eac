/** A page that plays streams side by side and tells how that goes. */
import Hls from "hls.js/light";
import mpegts from "mpegts.js";

/** One player's state; what tests read. */
interface PlayerReport {
  frames: number;
  seconds: number;
  width: number;
  readonly errors: string[];
  /** Pictures that were shown: their numbers, and when, in milliseconds since 1970. */
  readonly seen: [stamp: number, at: number][];
}

const BITS = 10;
/** The newest ones are kept. */
const SEEN_MAX = 200;

interface Player {
  readonly video: HTMLVideoElement;
  readonly report: PlayerReport;
}

const players = new Map<string, Player>();

function start(name: string, url: string): void {
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  caption.textContent = name;
  figure.append(video, caption);
  document.body.append(figure);
  const report: PlayerReport = { frames: 0, seconds: 0, width: 0, errors: [], seen: [] };
  players.set(name, { video, report });
  watchStamps(video, report);
  if (url.endsWith(".m3u8")) {
    playHls(video, url, report);
  } else {
    playFlv(video, url, report);
  }
}

function playFlv(video: HTMLVideoElement, url: string, report: PlayerReport): void {
  const player = mpegts.createPlayer(
    { type: "flv", isLive: true, url },
    { enableWorker: false, lazyLoad: false, liveBufferLatencyChasing: true },
  );
  player.on(mpegts.Events.ERROR, (...details: unknown[]) => {
    report.errors.push(details.map((detail) => JSON.stringify(detail)).join(" "));
  });
  player.attachMediaElement(video);
  player.load();
  void player.play();
}

function playHls(video: HTMLVideoElement, url: string, report: PlayerReport): void {
  const hls = new Hls({ lowLatencyMode: true });
  hls.on(Hls.Events.ERROR, (_event, { fatal, details }) => {
    if (fatal) {
      report.errors.push(details);
    }
  });
  hls.loadSource(url);
  hls.attachMedia(video);
  hls.on(Hls.Events.MANIFEST_PARSED, () => void video.play());
}

function watchStamps(video: HTMLVideoElement, report: PlayerReport): void {
  const canvas = document.createElement("canvas");
  canvas.width = 320;
  canvas.height = 180;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const look = (): void => {
    const at = Date.now();
    if (context !== null) {
      context.drawImage(video, 0, 0, canvas.width, canvas.height);
      report.seen.push([readStamp(context), at]);
      report.seen.splice(0, report.seen.length - SEEN_MAX);
    }
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
}

function readStamp(context: CanvasRenderingContext2D): number {
  const { width } = context.canvas;
  let stamp = 0;
  for (let bit = 0; bit < BITS; bit++) {
    const x = Math.floor(((bit + 0.5) * width) / BITS);
    const [red = 0] = context.getImageData(x, 16, 1, 1).data;
    stamp += red > 127 ? 2 ** bit : 0;
  }
  return stamp;
}

function report(): Record<string, PlayerReport> {
  const all: Record<string, PlayerReport> = {};
  for (const [name, { video, report }] of players) {
    report.frames = video.getVideoPlaybackQuality().totalVideoFrames;
    report.seconds = video.currentTime;
    report.width = video.videoWidth;
    all[name] = report;
  }
  return all;
}

Object.assign(globalThis, { players: { start, report } });
