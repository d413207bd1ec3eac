/** Preloaded into a server under test: koffi is not to be had, in any of its threads. */
import { register } from "node:module";

const hooks = `
export function resolve(specifier, context, next) {
  if (specifier === "koffi") {
    throw new Error("koffi is not installed");
  }
  return next(specifier, context);
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
