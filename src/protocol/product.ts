/** What the server is called wherever it names itself to clients. */

export const PRODUCT_NAME = "weir";

/** Shape: `a.b.c`, as in package.json. */
export const PRODUCT_VERSION = "0.1.0";
