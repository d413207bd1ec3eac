/** Content types of files, by the end of their names. */

const TEXT = "; charset=utf-8";
const TYPES: Readonly<Record<string, string>> = {
  aac: "audio/x-aac",
  css: `text/css${TEXT}`,
  flv: "video/x-flv",
  gif: "image/gif",
  htm: `text/html${TEXT}`,
  html: `text/html${TEXT}`,
  ico: "image/x-icon",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  js: `text/javascript${TEXT}`,
  json: "application/json",
  m3u8: "application/vnd.apple.mpegurl",
  m4a: "audio/x-m4a",
  m4s: "video/iso.segment",
  m4v: "video/x-m4v",
  map: "application/json",
  mjs: `text/javascript${TEXT}`,
  mp3: "audio/mpeg",
  mp4: "video/mp4",
  mpd: "application/dash+xml",
  ogg: "audio/ogg",
  png: "image/png",
  svg: "image/svg+xml",
  ts: "video/MP2T",
  txt: `text/plain${TEXT}`,
  vtt: `text/vtt${TEXT}`,
  wasm: "application/wasm",
  webm: "video/webm",
  webp: "image/webp",
  woff: "font/woff",
  woff2: "font/woff2",
  xml: "text/xml",
};

/** @param name Of a file. */
export function contentTypeOf(name: string): string {
  const end = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
  return Object.hasOwn(TYPES, end) ? (TYPES[end] ?? "") : "application/octet-stream";
}
