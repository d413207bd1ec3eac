/** Root blocks that open a port or report to one. */

import { CHUNK_SIZE_MAX, CHUNK_SIZE_OUT } from "../../limits.ts";
import {
  block,
  choice,
  type DirectiveSpec,
  decimal,
  fileOnly,
  HOT,
  integer,
  list,
  type Marks,
  OWN_HOT,
  offUnlessOn,
  onUnlessOff,
  RESTART,
  SECRET_HOT,
  text,
} from "../directive-spec.ts";

const NAMED_LATER = { isRepeatable: true } as const;

/** @param listening When another address counts. */
function tlsRows(listen: string, listening: Marks, files: Marks): DirectiveSpec[] {
  return [
    offUnlessOn("enabled", "off", "Serve it.", listening),
    list("listen", listen, "Port or `address:port`.", listening),
    text("key", "./conf/server.key", "Private key file (PEM, without passphrase).", files),
    text("cert", "./conf/server.crt", "Certificate file (PEM), with its chain.", files),
  ];
}

function httpsBlock(rows: readonly DirectiveSpec[]): DirectiveSpec {
  return block("https", "The same over TLS.", rows, { isOpen: true });
}

const HTTP: readonly DirectiveSpec[] = [
  block("http_api", "The HTTP API.", [
    offUnlessOn("enabled", "off", "Serve it.", HOT),
    list("listen", "1985", "Port or `address:port`; the port of `http_server` is allowed.", HOT),
    onUnlessOff("crossdomain", "on", "Let pages of other origins read it.", HOT),
    offUnlessOn(
      "jsonp",
      "off",
      "Answer `?callback=NAME` with a script, and obey `?method=` then.",
      OWN_HOT,
    ),
    block("raw_api", "Changes from outside.", [
      offUnlessOn("enabled", "off", "Serve `/api/v1/raw`.", HOT),
      offUnlessOn("allow_reload", "off", "Let a request reload the configuration.", HOT),
      offUnlessOn("allow_query", "off", "Always off."),
      offUnlessOn("allow_update", "off", "Always off."),
    ]),
    block("auth", "Who may use it.", [
      offUnlessOn("enabled", "off", "Ask for credentials.", HOT),
      choice("type", ["basic", "bearer"], "Kind of credentials.", HOT),
      text("username", "", "Name of basic authentication.", SECRET_HOT),
      text("password", "", "Password of basic authentication.", SECRET_HOT),
      text("token", "", "Token of bearer authentication.", SECRET_HOT),
      offUnlessOn("rtc_bearer_enabled", "off", "Ask WebRTC clients for the token too."),
    ]),
    httpsBlock(tlsRows("1990", HOT, HOT)),
  ]),
  block("http_server", "Streams and files over HTTP.", [
    offUnlessOn("enabled", "off", "Serve it.", RESTART),
    list("listen", "8080", "Port or `address:port`.", RESTART),
    text(
      "dir",
      "./objs/nginx/html",
      "Directory of files. FLV and MP4 are sent from their beginning: `?start=` has no effect yet.",
      RESTART,
    ),
    onUnlessOff("crossdomain", "on", "Let pages of other origins read it.", RESTART),
    httpsBlock(tlsRows("8088", RESTART, HOT)),
  ]),
  block("exporter", "Metrics for Prometheus.", [
    offUnlessOn("enabled", "off", "Serve it.", HOT),
    list("listen", "9972", "Port or `address:port`.", HOT),
    text("label", "", "Value of the label `label`.", HOT),
    text("tag", "", "Value of the label `tag`.", HOT),
  ]),
];

const REPORTS: readonly DirectiveSpec[] = [
  block("heartbeat", "Tells a server that this one is alive.", [
    offUnlessOn("enabled", "off", "Send it, at the start and then once a period.", HOT),
    decimal("interval", 10, "s", "Period.", { ...HOT, min: 0.1 }),
    text("url", "http://127.0.0.1:8085/api/v1/servers", "Where it is posted.", HOT),
    text("device_id", "", "Name of this device.", HOT),
    offUnlessOn("summaries", "off", "Send the summary of the API along.", HOT),
    offUnlessOn("ports", "off", "Send the listening ports along.", HOT),
  ]),
  block(
    "stats",
    "Measurements of the host.",
    fileOnly([
      onUnlessOff("enabled", "on", "Take them."),
      integer("network", 0, "", "Index of the address that a heartbeat tells.", HOT),
      list("disk", "", "Devices whose input and output is measured.", HOT),
    ]),
  ),
];

const RTMP: readonly DirectiveSpec[] = [
  block("rtmp", "RTMP in the form of later SRS versions.", [
    list("listen", "", "As `listen` at root level, which wins.", HOT),
    integer("chunk_size", CHUNK_SIZE_OUT, "bytes", "As `chunk_size` at root level, which wins.", {
      ...HOT,
      min: 1,
      max: CHUNK_SIZE_MAX,
    }),
  ]),
  block("rtmps", "RTMP over TLS.", tlsRows("1443", HOT, HOT)),
  block("rtsp_server", "RTSP.", [
    offUnlessOn("enabled", "off", "Serve it."),
    list("listen", "8554", "Port."),
  ]),
];

const CASTER: DirectiveSpec = block(
  "stream_caster",
  "Takes streams of other protocols.",
  fileOnly([
    offUnlessOn("enabled", "off", "Serve it."),
    choice("caster", ["mpegts_over_udp", "flv", "gb28181"], "Protocol."),
    text("output", "", "RTMP URL to publish to, with `[app]` and `[stream]`."),
    list("listen", "", "Port."),
    block("sip", "SIP of GB28181.", [
      onUnlessOff("enabled", "on", "Serve it."),
      list("listen", "5060", "Port."),
      integer("timeout", 60, "s", "Register timeout."),
      integer("reinvite", 5, "s", "Wait before another invite."),
      list("candidate", "*", "Address told to devices."),
    ]),
  ]),
  NAMED_LATER,
);

const SRT: DirectiveSpec = block("srt_server", "SRT.", [
  offUnlessOn("enabled", "off", "Serve it."),
  list("listen", "10080", "UDP port."),
  integer("maxbw", -1, "bytes", "Bandwidth per second; -1 = no bound.", { min: -1 }),
  integer("mss", 1500, "bytes", "Largest packet."),
  integer("connect_timeout", 3000, "ms", "Handshake."),
  integer("peer_idle_timeout", 10_000, "ms", "Silence that ends a connection."),
  text("default_app", "live", "Application when the stream id names none."),
  text("default_streamid", "", "Stream id when the peer sends none."),
  text("default_mode", "", "Publish or play when the stream id does not say."),
  integer("peerlatency", 0, "ms", "Least latency asked of the peer's receiver."),
  integer("recvlatency", 120, "ms", "Latency of the receiver."),
  integer("latency", 120, "ms", "Both latencies."),
  onUnlessOff("tsbpdmode", "on", "Deliver by timestamp."),
  onUnlessOff("tlpktdrop", "on", "Drop packets that are too late."),
  integer("sendbuf", 8192 * (1500 - 28), "bytes", "Send buffer."),
  integer("recvbuf", 8192 * (1500 - 28), "bytes", "Receive buffer."),
  text("passphrase", "", "Key of the encryption.", { isSecret: true }),
  integer("pbkeylen", 0, "bytes", "Length of the key."),
  integer("payloadsize", 1316, "bytes", "Payload of a packet."),
  onUnlessOff("sei_filter", "on", "Leave SEI units out."),
  onUnlessOff("mix_correct", "on", "Without effect in SRS too."),
]);

const RTC: DirectiveSpec = block("rtc_server", "WebRTC.", [
  offUnlessOn("enabled", "off", "Serve it."),
  list("listen", "8000", "UDP port."),
  block(
    "tcp",
    "WebRTC over TCP.",
    [offUnlessOn("enabled", "off", "Serve it."), list("listen", "8000", "TCP port.")],
    { isOpen: true },
  ),
  choice("protocol", ["udp", "tcp", "all"], "Transports offered."),
  list("candidate", "*", "Addresses offered: `*`, an address, a name, or `$VARIABLE`."),
  onUnlessOff("use_auto_detect_network_ip", "on", "Offer the addresses of the host."),
  choice("ip_family", ["ipv4", "ipv6", "all"], "Which of them."),
  onUnlessOff("api_as_candidates", "on", "Offer the host name of the request."),
  onUnlessOff("resolve_api_domain", "on", "Resolve that name."),
  offUnlessOn("keep_api_domain", "off", "Offer the unresolved name too."),
  onUnlessOff("ecdsa", "on", "Certificate with ECDSA instead of RSA."),
  onUnlessOff("encrypt", "on", "Encrypt media."),
  integer("reuseport", 1, "", "Sockets on one port."),
  offUnlessOn("merge_nalus", "off", "Join the units of a frame."),
  block(
    "black_hole",
    "Copies packets for debugging.",
    [offUnlessOn("enabled", "off", "Use it."), text("addr", "", "Where they are sent.")],
    { isOpen: true },
  ),
  text("dir", "", "Without effect in SRS too."),
]);

/** Rows of the root level that are servers or reports. */
export const SERVER_DIRECTIVES: readonly DirectiveSpec[] = [
  ...HTTP,
  ...RTMP,
  ...REPORTS,
  CASTER,
  SRT,
  RTC,
];
