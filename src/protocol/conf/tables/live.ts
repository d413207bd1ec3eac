/** Directives of a vhost that decide how live streams are taken, given and shared between servers. */

import {
  CHUNK_SIZE_MAX,
  CHUNK_SIZE_OUT,
  FIRST_MEDIA_TIMEOUT_MS,
  GOP_FRAMES_MAX,
  MEDIA_GAP_TIMEOUT_MS,
  WINDOW_ACK_SIZE,
} from "../../limits.ts";
import {
  block,
  choice,
  type DirectiveSpec,
  decimal,
  fileOnly,
  HOT,
  integer,
  LATER_HOT,
  list,
  OWN_HOT,
  offUnlessOn,
  onUnlessOff,
} from "../directive-spec.ts";
import { CLUSTER } from "./cluster.ts";
import { HOOKS, TOKEN } from "./hooks.ts";

const JITTER = ["full", "zero", "off"];

/** The vhost's own scalars. */
export const VHOST_SCALARS: readonly DirectiveSpec[] = [
  onUnlessOff(
    "enabled",
    "on",
    "A disabled vhost counts as missing; after a reload its sessions go on, under `strict` they are ended.",
    HOT,
  ),
  integer(
    "chunk_size",
    CHUNK_SIZE_OUT,
    "bytes",
    "Outgoing chunk size; the root value when not set. A reload counts from the next connect and publish on.",
    {
      ...HOT,
      min: 1,
      max: CHUNK_SIZE_MAX,
    },
  ),
  offUnlessOn("min_latency", "off", "Send every frame at once.", HOT),
  offUnlessOn("tcp_nodelay", "off", "Do not let the kernel join small packets.", HOT),
  integer(
    "in_ack_size",
    0,
    "bytes",
    "Bytes after which weir acknowledges until the peer names its window; 0 = weir's own choice.",
    HOT,
  ),
  integer(
    "out_ack_size",
    WINDOW_ACK_SIZE,
    "bytes",
    "Acknowledgement window told to the peer.",
    HOT,
  ),
  block("bandcheck", "Bandwidth test of Flash players; without effect in SRS too.", [], {
    isOpen: true,
  }),
];

const PLAY: DirectiveSpec = block(
  "play",
  "What players get.",
  [
    onUnlessOff(
      "gop_cache",
      "on",
      "A new player starts at the newest keyframe instead of the next one.",
      HOT,
    ),
    integer(
      "gop_cache_max_frames",
      GOP_FRAMES_MAX,
      "frames",
      "A longer group is not offered to new players; 0 = no bound.",
      HOT,
    ),
    integer(
      "queue_length",
      30,
      "s",
      "A player further behind than this jumps to the newest keyframe.",
      {
        ...HOT,
        hardened: "10",
        min: 1,
      },
    ),
    choice(
      "time_jitter",
      JITTER,
      "Timestamps corrected, only started at zero, or left. A reload counts from the next publish on.",
      {
        ...HOT,
        otherwise: "off",
      },
    ),
    offUnlessOn(
      "atc",
      "off",
      "Keep the encoder's absolute timestamps. A reload counts from the next publish on.",
      HOT,
    ),
    offUnlessOn("atc_auto", "off", "Turn `atc` on when the metadata holds `bravo_atc`.", HOT),
    offUnlessOn(
      "mix_correct",
      "off",
      "Put audio and video into one rising order of time. A reload counts from the next publish on.",
      HOT,
    ),
    integer("mw_latency", 350, "ms", "Longest wait for more frames to send at once.", HOT),
    integer(
      "mw_msgs",
      8,
      "messages",
      "Messages worth sending before that; 0 under `min_latency`, at most 128.",
      HOT,
    ),
    onUnlessOff(
      "mw_adaptive",
      "on",
      "Wait less than `mw_latency` while there is CPU to spare.",
      OWN_HOT,
    ),
    decimal("send_min_interval", 0, "ms", "Least time between two messages to a player.", HOT),
    offUnlessOn(
      "reduce_sequence_header",
      "off",
      "Leave out headers that repeat the last one.",
      HOT,
    ),
    integer(
      "play_wait",
      0,
      "ms",
      "How long a player may wait for a stream that is not live; 0 = for ever.",
      {
        ...OWN_HOT,
        hardened: "20000",
      },
    ),
  ],
  HOT,
);

const PUBLISH: DirectiveSpec = block(
  "publish",
  "What publishers are held to.",
  [
    offUnlessOn("mr", "off", "Merge reads; weir reads all that has arrived anyway.", LATER_HOT),
    integer("mr_latency", 350, "ms", "Longest wait for a merged read.", LATER_HOT),
    integer("firstpkt_timeout", FIRST_MEDIA_TIMEOUT_MS, "ms", "First media after publish.", {
      ...HOT,
      min: 1,
    }),
    integer("normal_timeout", MEDIA_GAP_TIMEOUT_MS, "ms", "Gap between media.", { ...HOT, min: 1 }),
    onUnlessOff(
      "parse_sps",
      "on",
      "Read the picture's size out of the sequence header.",
      LATER_HOT,
    ),
    onUnlessOff("try_annexb_first", "on", "Look for start codes before lengths.", LATER_HOT),
    decimal(
      "kickoff_for_idle",
      0,
      "s",
      "Close a publisher without players for this long; 0 = never.",
      HOT,
    ),
  ],
  HOT,
);

const REFER: DirectiveSpec = block(
  "refer",
  "Pages that may embed a player, by the page URL that the client tells; encoders tell none.",
  fileOnly([
    offUnlessOn("enabled", "off", "Check them.", HOT),
    list(
      "all",
      "",
      "Allowed ends of the page host for everyone, asked at `connect`; under `strict` whole names and those below.",
      HOT,
    ),
    list("publish", "", "The same for publishers.", HOT),
    list("play", "", "The same for players.", HOT),
  ]),
);

const SECURITY: DirectiveSpec = block(
  "security",
  "Addresses that may publish or play. One `allow` refuses everybody else, players by an `allow publish` too; under `strict` publishing and playing are apart.",
  fileOnly([
    offUnlessOn("enabled", "off", "Check them; without any rule nobody may.", HOT),
    list(
      "allow",
      "",
      "`publish` or `play`, then `all`, an address or a network (`10.0.0.0/8`, `2001:db8::/32`).",
      {
        ...HOT,
        isRepeatable: true,
      },
    ),
    list("deny", "", "The same form; refused before any `allow` is asked.", {
      ...HOT,
      isRepeatable: true,
    }),
  ]),
);

const LIMITS: DirectiveSpec = block(
  "limits",
  "How many may play and publish at one time, by RTMP, HTTP and HLS together; 0 = as many as there are. Whoever comes beyond is refused, nobody is ended.",
  [
    integer("stream_players", 0, "", "Players of one stream.", OWN_HOT),
    integer("players", 0, "", "Players of the vhost.", OWN_HOT),
    integer("publishers", 0, "", "Publishers of the vhost.", OWN_HOT),
    integer(
      "address_sessions",
      0,
      "",
      "Plays and publishes of one client address, of IPv6 of one /64.",
      OWN_HOT,
    ),
    list(
      "address_exempt",
      "loopback",
      "Addresses and networks that `address_sessions` does not count for: edges, proxies, this host (`loopback`); or `none`.",
      OWN_HOT,
    ),
    integer(
      "token_sessions",
      0,
      "",
      "Plays and publishes with one signed URL or JSON Web Token.",
      OWN_HOT,
    ),
  ],
  { isOwn: true, status: "implemented", reload: "hot" },
);

const FORWARD: DirectiveSpec = block(
  "forward",
  "Sends what is published here on to other servers, under the same name. An edge does not: it sends to its origins.",
  fileOnly([
    offUnlessOn("enabled", "off", "Send it on.", HOT),
    list("destination", "", "Servers of RTMP: `host`, `host:port` or `[v6]:port`.", HOT),
    list(
      "backend",
      "",
      "URL that is asked before each publish for the URLs to send it to (`on_forward`), instead of `destination`; its refusal refuses the publish.",
      HOT,
    ),
  ]),
);

/** Blocks of a vhost about live streams. */
export const VHOST_LIVE: readonly DirectiveSpec[] = [
  PLAY,
  PUBLISH,
  CLUSTER,
  REFER,
  SECURITY,
  HOOKS,
  TOKEN,
  LIMITS,
  FORWARD,
];
