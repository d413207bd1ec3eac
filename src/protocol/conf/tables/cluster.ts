/** The block `cluster` of a vhost: origin or edge, and how an edge treats its origins. */
import {
  block,
  choice,
  type DirectiveSpec,
  fileOnly,
  HOT,
  integer,
  list,
  OWN_HOT,
  offUnlessOn,
  onUnlessOff,
  RESTART,
  text,
} from "../directive-spec.ts";

const MEBIBYTE = 1024 * 1024;

/** How long an edge waits for an origin; SRS has these numbers in its code. */
const TIMES: readonly DirectiveSpec[] = [
  integer("origin_connect_timeout", 2000, "ms", "TCP connection to an origin.", {
    ...OWN_HOT,
    min: 1,
  }),
  integer("origin_reply_timeout", 3000, "ms", "Each answer of an origin, up to Start.", {
    ...OWN_HOT,
    min: 1,
  }),
  integer("origin_first_media_timeout", 5000, "ms", "First media of a pull after Start.", {
    ...OWN_HOT,
    min: 1,
  }),
  integer(
    "origin_stall_timeout",
    5000,
    "ms",
    "Silence in a pull, or bytes of a push that the origin does not say to have read.",
    { ...OWN_HOT, min: 1 },
  ),
  integer("origin_linger", 3000, "ms", "A pull goes on for this long without players.", OWN_HOT),
  integer(
    "origin_wait",
    15_000,
    "ms",
    "How long players wait for a stream that no origin gives; 0 = for ever, as in SRS.",
    OWN_HOT,
  ),
  integer(
    "origin_not_found",
    3000,
    "ms",
    "How long new players of such a stream are refused at once; 0 = never.",
    OWN_HOT,
  ),
  integer(
    "publish_hold",
    5000,
    "ms",
    "How long an edge keeps a publisher for which it has no origin.",
    OWN_HOT,
  ),
  integer(
    "publish_hold_bytes",
    8 * MEBIBYTE,
    "bytes",
    "Media kept for the next origin, from the keyframe before what was not read.",
    OWN_HOT,
  ),
];

/** Origin or edge. */
export const CLUSTER: DirectiveSpec = block(
  "cluster",
  "Origin or edge.",
  fileOnly([
    choice("mode", ["local", "remote"], "`local` is an origin, `remote` an edge.", {
      ...RESTART,
      otherwise: "local",
    }),
    list(
      "origin",
      "",
      "Origins of an edge: `host`, `host:port`, `[v6]:port`. A change counts from the next attempt on.",
      HOT,
    ),
    choice("protocol", ["rtmp", "flv", "flvs"], "Protocol to pull with.", HOT),
    offUnlessOn(
      "follow_client",
      "off",
      "Pull by the protocol of the first player: HTTP-FLV for viewers by HTTP.",
      HOT,
    ),
    offUnlessOn("token_traverse", "off", "Let the origin judge a client's `connect` first.", HOT),
    text("vhost", "[vhost]", "vhost used at the origin.", HOT),
    onUnlessOff("debug_srs_upnode", "on", "Tell the origin who is asking.", HOT),
    offUnlessOn(
      "origin_cluster",
      "off",
      "Mesh of origins: players of a stream that is not live here are sent to the origin that has it.",
      HOT,
    ),
    list("coworkers", "", "HTTP APIs of the other origins of the mesh: `host:port`.", HOT),
    choice(
      "origin_balance",
      ["hash", "round_robin"],
      "`hash` spreads streams over origins, `round_robin` starts every stream at the first one, as SRS does.",
      OWN_HOT,
    ),
    list(
      "redirect_allow",
      "",
      "Hosts that an origin may redirect to, `*.name` for all below a name; the origins are allowed.",
      OWN_HOT,
    ),
    onUnlessOff(
      "origin_tls_verify",
      "on",
      "Check the certificates of origins that are pulled from by `flvs`, and of `rtmps` destinations that `forward.backend` names.",
      OWN_HOT,
    ),
    ...TIMES,
  ]),
);
