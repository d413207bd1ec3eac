/**
 * What the NAL units of H.264 and H.265 have in common.
 *
 * Spec: H.264 §7.4.1; H.265 §7.4.2.
 */

/**
 * Remove emulation prevention: the 3 of each `00 00 03`.
 *
 * **Spec**: H.264 §7.4.1.1, H.265 §7.4.2.2.
 * **Memory**: gives the input itself when it holds none, else an owned copy.
 */
export function removeEmulationPrevention(unit: Uint8Array): Uint8Array {
  let target: Uint8Array | undefined;
  let length = 0;
  let zeros = 0;
  for (let offset = 0; offset < unit.length; offset += 1) {
    const byte = unit[offset] ?? 0;
    if (zeros >= 2 && byte === 3) {
      if (target === undefined) {
        target = unit.slice();
        length = offset;
      }
      zeros = 0;
      continue;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    if (target !== undefined) {
      target[length] = byte;
      length += 1;
    }
  }
  return target === undefined ? unit : target.subarray(0, length);
}
