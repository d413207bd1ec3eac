/** The little of JSON Schema that the API's answers need, and words to write it with. */

/** A JSON Schema. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly anyOf?: readonly Schema[];
  readonly description?: string;
}

export const TEXT: Schema = { type: "string" };
export const FLAG: Schema = { type: "boolean" };
export const NUMBER: Schema = { type: "number" };
export const INTEGER: Schema = { type: "integer" };
/** Zero or more. */
export const COUNT: Schema = { type: "integer", minimum: 0 };
/** Of a whole; more than 1 where several cores count. */
export const SHARE: Schema = { type: "number", minimum: 0 };

/** An object with these fields and no others; a name that ends in `?` may be missing. */
export function shape(fields: Readonly<Record<string, Schema>>): Schema {
  const properties: Record<string, Schema> = {};
  const required: string[] = [];
  for (const [written, schema] of Object.entries(fields)) {
    const name = written.replace(/\?$/, "");
    properties[name] = schema;
    if (name === written) {
      required.push(name);
    }
  }
  return { type: "object", properties, required, additionalProperties: false };
}

/** An object whose fields, separated by blanks, are all of one kind. */
export function shapeOf(names: string, schema: Schema): Schema {
  return shape(Object.fromEntries(names.split(" ").map((name) => [name, schema])));
}

/** Both shapes in one. */
export function joined(first: Schema, second: Schema): Schema {
  return {
    type: "object",
    properties: { ...first.properties, ...second.properties },
    required: [...(first.required ?? []), ...(second.required ?? [])],
    additionalProperties: false,
  };
}

/** A list. */
export function listOf(items: Schema): Schema {
  return { type: "array", items };
}

/** It, or null. */
export function orNull(schema: Schema): Schema {
  return { anyOf: [{ type: "null" }, schema] };
}
