/**
 * IP addresses and networks as access rules name them: IPv4 and IPv6, one address or a prefix (RFC 4291 §2.2–2.3,
 * RFC 4632). An IPv4 address inside IPv6 (`::ffff:1.2.3.4`) counts as the IPv4 address, because that is how a dual-stack
 * socket shows its IPv4 clients.
 */

const GROUPS = 8;
const GROUP_BITS = 16;
/** Of an IPv6 address: the part that names a network (RFC 4291 §2.5.4). */
const SUBSCRIBER_GROUPS = 4;

/** An address or a network. Plain data. */
export interface Network {
  readonly family: 4 | 6;
  /** 16 bits each: two of an IPv4 address, eight of an IPv6 one; zero beyond the prefix. */
  readonly groups: readonly number[];
  /** Leading bits that count: 0–32 or 0–128. */
  readonly prefix: number;
}

/**
 * `1.2.3.4`, `1.2.3.0/24`, `2001:db8::1` or `2001:db8::/32`; bits beyond the prefix do not count.
 * @returns undefined when it is none of these
 */
export function decodeNetwork(text: string): Network | undefined {
  const slash = text.indexOf("/");
  const address = decodeAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined || slash < 0) {
    return address;
  }
  const digits = text.slice(slash + 1);
  // `::ffff:1.2.3.0/120` counts the 96 bits before the IPv4 address.
  const skipped = address.family === 4 && text.includes(":") ? 96 : 0;
  const prefix = /^\d{1,3}$/.test(digits) ? Number(digits) - skipped : Number.NaN;
  return prefix >= 0 && prefix <= address.prefix ? cut(address, prefix) : undefined;
}

/** Whether `address`, as an operating system writes it, is in `network`; what is no address is in none. */
export function isInNetwork(network: Network, address: Network | undefined): boolean {
  if (address?.family !== network.family || address.prefix < network.prefix) {
    return false;
  }
  const masked = cut(address, network.prefix);
  return masked.groups.every((group, index) => group === network.groups[index]);
}

/**
 * Whom an address stands for where clients are counted: an IPv4 address itself, of an IPv6 one the first 64 bits, since
 * a host has all the others to itself. What is no address stands for itself.
 */
export function subscriberOf(ip: string): string {
  const address = ip.includes(":") ? decodeAddress(ip) : undefined;
  if (address === undefined) {
    return ip;
  }
  const { family, groups } = address;
  return family === 6
    ? groups.slice(0, SUBSCRIBER_GROUPS).join(":")
    : groups.map((group) => `${group >> 8}.${group & 0xff}`).join(".");
}

/** One address; an IPv6 zone (`%eth0`) is left out. */
function decodeAddress(text: string): Network | undefined {
  const plain = text.split("%", 1)[0] ?? "";
  if (!plain.includes(":")) {
    const groups = decodeIpv4(plain);
    return groups === undefined ? undefined : { family: 4, groups, prefix: 32 };
  }
  const groups = decodeIpv6(plain);
  if (groups === undefined) {
    return undefined;
  }
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xff_ff;
  return isMapped
    ? { family: 4, groups: groups.slice(6), prefix: 32 }
    : { family: 6, groups, prefix: 128 };
}

function decodeIpv4(text: string): number[] | undefined {
  const octets = text.split(".");
  // A leading zero is octal to some readers and decimal to others: it is neither here.
  const isWhole = octets.every((octet) => /^(0|[1-9]\d{0,2})$/.test(octet) && Number(octet) <= 255);
  if (octets.length !== 4 || !isWhole) {
    return undefined;
  }
  const [a = 0, b = 0, c = 0, d = 0] = octets.map(Number);
  return [a * 256 + b, c * 256 + d];
}

function decodeIpv6(text: string): number[] | undefined {
  const [before = "", after, ...more] = text.split("::");
  // Dotted groups are the last ones of an address.
  const isDottedEarly = after !== undefined && before.includes(".");
  const head = isDottedEarly ? undefined : decodeGroups(before);
  const tail = decodeGroups(after ?? "");
  if (head === undefined || tail === undefined || more.length > 0) {
    return undefined;
  }
  const missing = GROUPS - head.length - tail.length;
  if (after === undefined ? missing !== 0 : missing < 1) {
    return undefined;
  }
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
}

function decodeGroups(text: string): number[] | undefined {
  if (text === "") {
    return [];
  }
  const words = text.split(":");
  const groups: number[] = [];
  for (const [index, word] of words.entries()) {
    if (word.includes(".")) {
      const ipv4 = index === words.length - 1 ? decodeIpv4(word) : undefined;
      if (ipv4 === undefined) {
        return undefined;
      }
      groups.push(...ipv4);
    } else if (/^[0-9a-f]{1,4}$/i.test(word)) {
      groups.push(Number.parseInt(word, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}

function cut({ family, groups }: Network, prefix: number): Network {
  const kept = groups.map((group, index) => {
    const bits = Math.min(GROUP_BITS, Math.max(0, prefix - index * GROUP_BITS));
    return group & (0xff_ff << (GROUP_BITS - bits)) & 0xff_ff;
  });
  return { family, groups: kept, prefix };
}
