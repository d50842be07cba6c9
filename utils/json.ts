/** An object out of JSON, its fields not checked yet. */
export type Json = Readonly<Record<string, unknown>>;
