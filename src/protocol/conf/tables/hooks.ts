/** Directives of a vhost that let somebody else decide: callbacks by HTTP, and tokens that a back end has signed. */
import { HOOK_QUEUE_MAX, HOOK_TIMEOUT_MS_MAX } from "../../limits.ts";
import {
  block,
  choice,
  type DirectiveSpec,
  decimal,
  HOT,
  integer,
  list,
  type Marks,
  OWN_HOT,
  offUnlessOn,
  onUnlessOff,
  text,
} from "../directive-spec.ts";

const MS_PER_S = 1000;
const OWN_SECRET: Marks = { ...OWN_HOT, isSecret: true };

/** How callbacks are made; weir's own. */
const OWN: readonly DirectiveSpec[] = [
  decimal(
    "hook_timeout",
    HOOK_TIMEOUT_MS_MAX / MS_PER_S,
    "s",
    "How long one call may take, waiting for its turn included; all calls that decide one thing together take no longer than the most that is allowed here.",
    { ...OWN_HOT, hardened: "5", min: 0.05, max: HOOK_TIMEOUT_MS_MAX / MS_PER_S },
  ),
  list(
    "hook_fail_open",
    "",
    "Of `on_connect`, `on_publish` and `on_play` those that allow when no valid answer comes; the others refuse, as in SRS.",
    OWN_HOT,
  ),
  integer(
    "hook_retries",
    0,
    "",
    "How often a call that only tells is repeated when it got no answer, or 429 or 5xx.",
    { ...OWN_HOT, hardened: "3", max: 10 },
  ),
  decimal(
    "hook_retry_delay",
    1,
    "s",
    "Before the first repetition; doubled for each further one.",
    {
      ...OWN_HOT,
      min: 0.01,
      max: 60,
    },
  ),
  integer("hook_concurrency", 64, "", "Calls at one time to one server, of all vhosts together.", {
    ...OWN_HOT,
    min: 1,
    max: 1024,
  }),
  integer(
    "hook_queue",
    HOOK_QUEUE_MAX,
    "",
    "Calls that may wait for one server; further ones that decide fail, further ones that tell are left out.",
    { ...OWN_HOT, max: HOOK_QUEUE_MAX },
  ),
  text(
    "hook_secret",
    "",
    "Calls are signed with it (`X-Weir-Signature`); empty: they are not.",
    OWN_SECRET,
  ),
  decimal(
    "hook_play_cache",
    0,
    "s",
    "An `on_play` that was allowed counts so long for the same address, stream, tcUrl, parameters and page: it is then only told.",
    { ...OWN_HOT, max: 3600 },
  ),
  onUnlessOff("hook_tls_verify", "off", "Check the certificates of `https` servers.", {
    ...OWN_HOT,
    hardened: "on",
  }),
];

/** Callbacks. */
export const HOOKS: DirectiveSpec = block("http_hooks", "Callbacks by HTTP.", [
  offUnlessOn("enabled", "off", "Call them.", HOT),
  list("on_connect", "", "A client connects; may refuse.", HOT),
  list("on_close", "", "A client is gone.", HOT),
  list("on_publish", "", "A client publishes; may refuse.", HOT),
  list("on_unpublish", "", "A publisher stops.", HOT),
  list("on_play", "", "A client plays; may refuse.", HOT),
  list("on_stop", "", "A player stops.", HOT),
  list("on_dvr", "", "A recording is finished.", HOT),
  list("on_hls", "", "A segment is finished.", HOT),
  list("on_hls_notify", "", "A segment is finished; called with GET.", HOT),
  ...OWN,
]);

/** Tokens without a callback; weir's own. */
export const TOKEN: DirectiveSpec = block(
  "token",
  "Signed URLs and JSON Web Tokens, checked without a callback.",
  [
    offUnlessOn("enabled", "off", "Check them.", OWN_HOT),
    onUnlessOff("publish", "on", "Publishers need one.", OWN_HOT),
    onUnlessOff("play", "on", "Players and viewers need one.", OWN_HOT),
    list(
      "secret",
      "",
      "Keys of signed URLs (`expires`, `sign`), the one to sign with first: older ones count until they are removed.",
      OWN_SECRET,
    ),
    integer(
      "lifetime_max",
      86_400,
      "s",
      "A signed URL may expire so late at most; 0 = any time.",
      OWN_HOT,
    ),
    integer("skew", 30, "s", "How much clocks may differ.", { ...OWN_HOT, max: 3600 }),
    choice(
      "jwt",
      ["off", "HS256", "RS256", "ES256"],
      "Algorithm of JSON Web Tokens (parameter `jwt`); every other one is refused.",
      OWN_HOT,
    ),
    text("jwt_secret", "", "Key of HS256, 32 bytes or more.", OWN_SECRET),
    text("jwt_key_file", "", "Public key of RS256 or ES256 (PEM).", OWN_HOT),
    text("jwt_issuer", "", "Claim `iss` that is asked for.", OWN_HOT),
    text("jwt_audience", "", "Claim `aud` that is asked for.", OWN_HOT),
  ],
  { isOwn: true, status: "implemented", reload: "hot" },
);
