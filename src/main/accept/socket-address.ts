/** Socket addresses as the kernel takes them. */

export const AF_INET = 2;
export const AF_INET6 = 10;

/** `struct sockaddr_in` of an IPv4 literal. */
export function encodeAddress4(host: string, port: number): Uint8Array {
  const address = new Uint8Array(16);
  new DataView(address.buffer).setUint16(0, AF_INET, true);
  new DataView(address.buffer).setUint16(2, port);
  address.set(host.split(".").map(Number), 4);
  return address;
}

/** Groups of an IPv6 literal, `::` filled up. */
function groupsOf(host: string): number[] {
  const [head = "", tail] = host.split("::");
  const parse = (text: string): number[] =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const before = parse(head);
  const after = tail === undefined ? [] : parse(tail);
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...new Array<number>(Math.max(0, zeros)).fill(0), ...after];
}

/** `struct sockaddr_in6` of an IPv6 literal. */
export function encodeAddress6(host: string, port: number): Uint8Array {
  const address = new Uint8Array(28);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_INET6, true);
  view.setUint16(2, port);
  for (const [index, group] of groupsOf(host).entries()) {
    view.setUint16(8 + index * 2, group);
  }
  return address;
}
