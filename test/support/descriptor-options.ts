/** Options of a socket of this process, as the kernel has them. */
import assert from "node:assert/strict";
import koffi from "koffi";

const libc = koffi.load("libc.so.6");
const getsockopt = libc.func(
  "int getsockopt(int fd, int level, int name, _Out_ int *value, _Inout_ uint32_t *length)",
);
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_USER_TIMEOUT = 18;

function optionOf(descriptor: number, name: number): number {
  const value = [-1];
  assert.equal(getsockopt(descriptor, IPPROTO_TCP, name, value, [4]), 0);
  return Number(value[0]);
}

/** Whether small packets leave at once. */
export function hasNoDelay(descriptor: number): boolean {
  return optionOf(descriptor, TCP_NODELAY) !== 0;
}

/** Milliseconds after which unacknowledged bytes end the connection. */
export function userTimeoutOf(descriptor: number): number {
  return optionOf(descriptor, TCP_USER_TIMEOUT);
}
