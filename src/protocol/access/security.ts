/**
 * `security { allow|deny publish|play all|ADDRESS|NETWORK; }`: which addresses may publish and play.
 * Spec: SRS compatibility §1B "security". The order of the rules means nothing: all `deny` are asked before any `allow`.
 */
import { decodeNetwork, isInNetwork, type Network } from "./network.ts";

/** What a client wants to do. */
export type AccessAction = "publish" | "play";

/** One rule. Plain data. */
export interface SecurityRule {
  readonly verdict: "allow" | "deny";
  /** null: the rule names neither, so it never matches; SRS counts it nevertheless. */
  readonly action: AccessAction | null;
  /** null: no address or network, so it never matches; likewise. */
  readonly from: Network | "all" | null;
}

/** The rules of one vhost. */
export interface SecurityConfig {
  readonly enabled: boolean;
  /**
   * Off, as in SRS: any `allow`, of publishing or playing, refuses everybody whom no `allow` of the own action names.
   * On: `allow publish` says nothing about players and the other way round.
   */
  readonly isPerAction: boolean;
  readonly rules: readonly SecurityRule[];
}

/** Why a client is refused, with SRS's error number. */
export const SecurityRefusal = {
  /** A `deny` names it. */
  Denied: 1053,
  /** No `allow` names it, or there is no rule at all. */
  NotAllowed: 1054,
} as const;
export type SecurityRefusal = (typeof SecurityRefusal)[keyof typeof SecurityRefusal];

/** One rule from its words, e.g. `play 10.0.0.0/8`. What it does not understand is null in the result. */
export function decodeSecurityRule(
  verdict: "allow" | "deny",
  words: readonly string[],
): SecurityRule {
  const [action = "", from = ""] = words;
  return {
    verdict,
    action: action === "publish" || action === "play" ? action : null,
    from: from === "all" ? from : (decodeNetwork(from) ?? null),
  };
}

/**
 * Whether the client at `ip` may do it.
 * @param ip As the operating system writes it; '' when the peer has none, which only `all` matches.
 * @returns undefined when it may
 */
export function checkSecurity(
  security: SecurityConfig,
  action: AccessAction,
  ip: string,
): SecurityRefusal | undefined {
  const { enabled, isPerAction, rules } = security;
  if (!enabled) {
    return undefined;
  }
  const address = decodeNetwork(ip);
  const matches = (rule: SecurityRule): boolean =>
    rule.action === action &&
    (rule.from === "all" || (rule.from !== null && isInNetwork(rule.from, address)));
  if (rules.some((rule) => rule.verdict === "deny" && matches(rule))) {
    return SecurityRefusal.Denied;
  }
  const allows = rules.filter((rule) => rule.verdict === "allow");
  const counted = isPerAction ? allows.filter((rule) => rule.action === action) : allows;
  const mustMatch = counted.length > 0 || rules.length === 0;
  return mustMatch && !allows.some(matches) ? SecurityRefusal.NotAllowed : undefined;
}
