/** The blocks `security` and `refer` of a vhost, and what an operator may not expect of them. */
import type { ReferConfig } from "../access/refer.ts";
import {
  type AccessAction,
  decodeSecurityRule,
  type SecurityConfig,
  type SecurityRule,
} from "../access/security.ts";
import { ConfigError } from "../errors.ts";
import type { ReaderContext, SectionReader } from "./section-reader.ts";

const ACTIONS: readonly AccessAction[] = ["publish", "play"];

/** @throws ConfigError under `strict`, for a rule that can never match. */
export function decodeSecurity(
  vhost: string,
  section: SectionReader,
  context: ReaderContext,
): SecurityConfig {
  const enabled = section.isOn("enabled");
  const rules = [...decodeRules("allow", section), ...decodeRules("deny", section)];
  if (enabled) {
    for (const { rule, words, place } of rules) {
      if (rule.action === null || rule.from === null) {
        const text = `${place.directive} "${words.join(" ")}" matches nobody: publish or play, then all, an address or a network is allowed`;
        if (context.strict) {
          throw new ConfigError("ERR_CONF_VALUE", text, place);
        }
        section.warn(place, text);
      }
    }
    warnSecurity(
      vhost,
      rules.map(({ rule }) => rule),
      context,
    );
  }
  return { enabled, isPerAction: context.strict, rules: rules.map(({ rule }) => rule) };
}

/** The page hosts of one vhost. */
export function decodeRefer(
  vhost: string,
  section: SectionReader,
  context: ReaderContext,
): ReferConfig {
  const refer = {
    enabled: section.isOn("enabled"),
    isExact: context.strict,
    all: section.list("all"),
    publish: section.list("publish"),
    play: section.list("play"),
  };
  if (refer.enabled) {
    warnRefer(vhost, refer, context);
  }
  return refer;
}

function decodeRules(
  verdict: "allow" | "deny",
  section: SectionReader,
): { rule: SecurityRule; words: readonly string[]; place: SecurityPlace }[] {
  return section.entries(verdict).map(({ args, place }) => ({
    rule: decodeSecurityRule(verdict, args),
    words: args,
    place,
  }));
}

type SecurityPlace = ReturnType<SectionReader["entries"]>[number]["place"];

function warnSecurity(vhost: string, rules: readonly SecurityRule[], context: ReaderContext): void {
  const { warnings } = context;
  if (rules.length === 0) {
    warnings.add(`vhost ${vhost}: security without rules: nobody may publish or play`);
    return;
  }
  const allows = rules.filter((rule) => rule.verdict === "allow");
  for (const action of ACTIONS) {
    if (!context.strict && allows.length > 0 && !allows.some((rule) => rule.action === action)) {
      warnings.add(
        `vhost ${vhost}: security allows nobody to ${action}, because one allow of any kind refuses all others, as in SRS; "strict on;" keeps publishing and playing apart`,
      );
    }
  }
}

function warnRefer(vhost: string, refer: ReferConfig, context: ReaderContext): void {
  const hosts = [...refer.all, ...refer.publish, ...refer.play];
  const [first] = hosts.filter((host) => !host.startsWith("."));
  if (!refer.isExact && first !== undefined) {
    context.warnings.add(
      `vhost ${vhost}: refer compares ends of names, "${first}" lets "evil${first}" in, as in SRS; "strict on;" compares whole names`,
    );
  }
  if (refer.all.length > 0 || refer.publish.length > 0) {
    context.warnings.add(
      `vhost ${vhost}: refer refuses publishers that tell no page URL, as most encoders and all edges do`,
    );
  }
}
