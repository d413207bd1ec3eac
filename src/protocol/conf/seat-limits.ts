/** The block `limits` of a vhost: how many may play and publish at one time. */
import { decodeNetwork, type Network } from "../access/network.ts";
import { ConfigError } from "../errors.ts";
import type { SeatLimits } from "./config-types.ts";
import type { SectionReader } from "./section-reader.ts";

/** A word for this host's own addresses. */
const LOOPBACK = ["127.0.0.0/8", "::1"];
/** Limits of those who play. */
const PLAYING = ["stream_players", "players", "address_sessions", "token_sessions"] as const;

/** @throws ConfigError for an exempt address that is none; limits that cannot count are told as warnings. */
export function decodeSeatLimits(name: string, vhost: SectionReader): SeatLimits {
  const section = vhost.section("limits");
  const limits: SeatLimits = {
    streamPlayers: section.number("stream_players"),
    players: section.number("players"),
    publishers: section.number("publishers"),
    addressSessions: section.number("address_sessions"),
    addressExempt: decodeExempt(section),
    tokenSessions: section.number("token_sessions"),
  };
  const warn = (directive: string, text: string): void =>
    section.warn(section.placeOf(directive), `vhost ${name}: ${directive} ${text}`);
  if (limits.tokenSessions > 0 && !vhost.section("token").isOn("enabled")) {
    warn("token_sessions", "counts nobody while tokens are not checked");
  }
  const hls = vhost.section("hls");
  const playing = PLAYING.find((directive) => section.number(directive) > 0);
  if (playing !== undefined && hls.isOn("enabled") && !hls.isOn("hls_ctx")) {
    warn(playing, "does not count viewers of HLS while hls_ctx is off");
  }
  return limits;
}

function decodeExempt(section: SectionReader): Network[] {
  const words = section.list("address_exempt");
  if (words.length === 1 && words[0] === "none") {
    return [];
  }
  const texts = words.flatMap((word) => (word === "loopback" ? LOOPBACK : [word]));
  return texts.map((text) => {
    const network = decodeNetwork(text);
    if (network === undefined) {
      const place = section.placeOf("address_exempt");
      const allowed = "addresses, networks and loopback are allowed, or none alone";
      throw new ConfigError(
        "ERR_CONF_VALUE",
        `${place.directive} has "${text}": ${allowed}`,
        place,
      );
    }
    return network;
  });
}
