/** A hundred configurations that must be refused, each with what is wrong with it. */

/** One wrong configuration. */
export interface MalformedConf {
  readonly name: string;
  /** `@` stands for the folder that the file and those of `files` lie in. */
  readonly text: string;
  /** Further files by name. */
  readonly files?: Readonly<Record<string, string>>;
}

const GOOD = `listen 1935;
max_connections 100;
vhost __defaultVhost__ {
    tcp_nodelay on;
    play {
        queue_length 10;
        time_jitter "full";
    }
}
`;
const MEGABYTE = 1024 * 1024;

function many(name: string, texts: readonly string[]): MalformedConf[] {
  return texts.map((text, index) => ({ name: `${name} ${index + 1}`, text }));
}

/** The good file cut at places where something is open. */
function truncated(): MalformedConf[] {
  const offsets = new Set<number>();
  for (const mark of [
    ...["listen", "listen 1935", "max_", "max_connections 1", "vhost", "vhost __def", "{", "tcp_"],
    ...[
      "tcp_nodelay o",
      "on;",
      "play",
      "play {",
      "queue",
      "queue_length 10",
      "10;",
      '"fu',
      '"full"',
    ],
    "}\n",
  ]) {
    offsets.add(GOOD.indexOf(mark) + mark.length);
  }
  return many(
    "truncated",
    [...offsets].map((offset) => GOOD.slice(0, offset)),
  );
}

const WRONG_BLOCK = many("wrong block", [
  "listen 1; gop_cache on;",
  "listen 1; play { gop_cache on; }",
  "listen 1; vhost v { listen 1935; }",
  "listen 1; vhost v { play { mode remote; } }",
  "listen 1; vhost v { publish { gop_cache on; } }",
  "listen 1; vhost v { cluster { gop_cache on; } }",
  "listen 1; vhost v { vhost w { } }",
  "listen 1; heartbeat { listen 1; }",
  "listen 1; http_api { dir x; }",
  "listen 1; http_server { hls_path x; }",
  "listen 1; vhost v { security { allow_all on; } }",
  "listen 1; vhost v { play { play { } } }",
  "listen 1; vhost v { workers 2; }",
  "listen 1; stats { interval 2; }",
]);

const UNKNOWN = many("unknown", [
  "lisen 1935;",
  "listen 1;\nworker_processes 4;",
  "listen 1;\nevents { worker_connections 1024; }",
  "listen 1; vhost v { gop_cach on; }",
  "listen 1; vhost v { play { gop_cach on; } }",
  "listen 1; vhost v { hls { hls_fragmnt 2; } }",
  "listen 1; \u043f\u0440\u0438\u0432\u0435\u0442 1;",
  "listen 1; Listen 2;",
  "listen 1; vhost v { play.gop_cache on; }",
  "<?xml version='1.0'?>\n<conf/>;",
  '{ "listen": 1935 }',
  "server: { port: 1935 };",
  "#!/bin/sh\nexit 0;",
]);

const WRONG_TYPE = many("wrong type", [
  "listen abc;",
  "listen 0;",
  "listen 65536;",
  "listen -1;",
  "listen 1.2.3:1935;",
  "listen 127.0.0.1:;",
  "listen [::1:1935;",
  "listen;",
  "max_connections 100;",
  "listen 1; max_connections abc;",
  "listen 1; max_connections 0;",
  "listen 1; max_connections -5;",
  "listen 1; max_connections 99999999999;",
  "listen 1; max_connections 2000000000;",
  "listen 1; workers 1000;",
  "listen 1; workers many;",
  "listen 1; chunk_size none;",
  "listen 1; pithy_print_ms soon;",
  "listen 1; grace_start_wait -1;",
  "listen 1; vhost v { chunk_size x; }",
  "listen 1; vhost v { play { queue_length ten; } }",
  "listen 1; vhost v { play { mw_latency fast; } }",
  "listen 1; vhost v { publish { normal_timeout x; } }",
  "listen 1; vhost v { publish { kickoff_for_idle x; } }",
  "listen 1; vhost v { out_ack_size big; }",
  "listen 1; heartbeat { interval often; }",
  "listen 1; vhost { }",
]);

const SYNTAX = many("syntax", [
  "",
  "\n\n# nothing\n",
  ";",
  "}",
  "{ }",
  "listen 1935;;",
  "listen 1935\nmax_connections 10;",
  "listen 1; vhost v { } }",
  "listen 1; vhost v { play { gop_cache on; }",
  'listen "1935;',
  "listen '1935\";",
  'listen "1935"x;',
  "listen 1; vhost v { play }",
  "listen 1; include;",
  "listen 1; include x { }",
  "\u0000",
  "listen 1935;\u0000",
  "lis\u0000ten 1935;",
  'listen 1; pid "a\u0000b";',
  "l\u0000i\u0000s\u0000t\u0000e\u0000n\u0000 \u00001\u0000;\u0000",
  "listen 1; srs_log_file \u001b[2Jx;",
]);

const DUPLICATE = many("duplicate", [
  "listen 1; vhost v { ingest a { } ingest a { } }",
  "listen 1; vhost v { http_remux { } http_remux { } }",
  "strict on; listen 1; max_connections 5; max_connections 6;",
  "strict on; listen 1; vhost v { } vhost v { }",
  "strict on; listen 1; vhost v { play { } play { } }",
  "strict on; listen 1; vhost v { enabled { } }",
  "strict on; listen 1; vhost v { play on; }",
]);

const CONFLICT = many("conflict", [
  "listen 1; is_full on;",
  "listen 1; daemon on; asprocess on;",
  "listen 1; http_api { https { enabled on; } }",
  "listen 1; vhost v { forward { enabled on; } publish { kickoff_for_idle 5; } }",
]);

const HUGE: readonly MalformedConf[] = [
  { name: "1 MB word", text: "x".repeat(MEGABYTE) },
  { name: "1 MB name", text: `listen 1; ${"x".repeat(MEGABYTE)} on;` },
  { name: "1 MB number", text: `listen 1; max_connections ${"9".repeat(MEGABYTE)};` },
  { name: "1 MB listen", text: `listen ${"x".repeat(MEGABYTE)};` },
  { name: "1 MB of arguments", text: `listen ${"x ".repeat(MEGABYTE / 2)};` },
  { name: "1 MB quoted", text: `listen 1; nothing "${"x".repeat(MEGABYTE)}";` },
  { name: "1 MB of opening braces", text: "{".repeat(MEGABYTE) },
  { name: "1 MB of closing braces", text: `listen 1;${"}".repeat(MEGABYTE)}` },
  { name: "1 MB of semicolons", text: ";".repeat(MEGABYTE) },
  { name: "1 MB of quotes", text: `listen ${'"'.repeat(MEGABYTE)};` },
  { name: "deep nesting", text: "listen 1; vhost v {".repeat(1000) },
  { name: "deep unnamed nesting", text: "a {".repeat(100_000) },
  { name: "deep and closed", text: `${"play { ".repeat(50)}${"} ".repeat(50)}` },
  { name: "too many directives", text: "listen 1;\n".repeat(70_000) },
  { name: "5 MB", text: `listen 1; ${"#".repeat(5 * MEGABYTE)}` },
];

const INCLUDES: readonly MalformedConf[] = [
  { name: "includes itself", text: "listen 1;\ninclude @/main.conf;\n" },
  {
    name: "include loop",
    text: "listen 1; include @/a.conf;",
    files: { "a.conf": "include @/b.conf;", "b.conf": "include @/a.conf;" },
  },
  {
    name: "include loop in blocks",
    text: "listen 1; include @/a.conf;",
    files: { "a.conf": "vhost v { include @/a.conf; }" },
  },
  { name: "include of nothing", text: "listen 1;\n  include @/none.conf;\n" },
  { name: "include of a folder", text: "listen 1; include @;" },
  {
    name: "include that is not whole",
    text: "listen 1; include @/a.conf;",
    files: { "a.conf": "vhost v {" },
  },
  {
    name: "fault in an include",
    text: "listen 1;\nvhost v { include @/a.conf; }",
    files: { "a.conf": "\n  gop_cach on;" },
  },
];

/** All of them. */
export const MALFORMED_CONFS: readonly MalformedConf[] = [
  ...truncated(),
  ...WRONG_BLOCK,
  ...UNKNOWN,
  ...WRONG_TYPE,
  ...SYNTAX,
  ...DUPLICATE,
  ...CONFLICT,
  ...HUGE,
  ...INCLUDES,
];
