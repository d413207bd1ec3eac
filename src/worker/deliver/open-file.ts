/** Opens files inside a directory, whatever links lie on the way. */
import { constants } from "node:fs";
import { type FileHandle, open, readlink, realpath } from "node:fs/promises";
import { join } from "node:path";

/** A file that may be sent. */
export interface OpenedFile {
  /** **Owned** by the caller. */
  readonly handle: FileHandle;
  /** Where it lies, links resolved. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly modifiedMs: number;
}

/** What a name is. */
export type Found =
  | { readonly kind: "file"; readonly file: OpenedFile }
  | { readonly kind: "folder" }
  /** Nothing that may be seen. */
  | { readonly kind: "none" }
  /** No more files can be opened. */
  | { readonly kind: "busy" };

// A pipe in the directory must not stop a thread, nor a link that came in meanwhile be followed.
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/**
 * Opens `name` of a directory. A link may lead elsewhere inside the directory and not out of it: what counts is where
 * the file that was opened lies, not what its path said before. Never rejects.
 */
export async function openInside(dir: string, name: string): Promise<Found> {
  let handle: FileHandle | undefined;
  try {
    const root = await realpath(dir);
    const path = await realpath(join(root, name));
    if (!isInside(root, path)) {
      return { kind: "none" };
    }
    handle = await open(path, FLAGS);
    const status = await handle.stat();
    const place = await readlink(`/proc/self/fd/${handle.fd}`);
    const isThere = isInside(root, place);
    if (isThere && status.isFile()) {
      const file = { handle, path: place, sizeBytes: status.size, modifiedMs: status.mtimeMs };
      handle = undefined;
      return { kind: "file", file };
    }
    return { kind: isThere && status.isDirectory() ? "folder" : "none" };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { kind: code === "EMFILE" || code === "ENFILE" ? "busy" : "none" };
  } finally {
    await handle?.close();
  }
}

function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root === "/" ? "/" : `${root}/`);
}
