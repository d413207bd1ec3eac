/** Frozen values. */

/** Freeze a value and all below it; a frozen Map refuses to be changed, which Object.freeze alone does not do. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) {
    return value;
  }
  if (value instanceof Map) {
    const refuse = (): never => {
      throw new TypeError("the configuration is frozen");
    };
    for (const method of ["set", "delete", "clear"]) {
      Object.defineProperty(value, method, { value: refuse });
    }
    for (const inner of value.values()) {
      deepFreeze(inner);
    }
  }
  for (const inner of Object.values(value)) {
    deepFreeze(inner);
  }
  return Object.freeze(value);
}
