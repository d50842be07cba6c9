/** Every field must be named, but its value may be undefined. */
type Loose<T> = { readonly [K in keyof T]-?: T[K] | undefined };

/**
 * Types an object as it will be read back: JSON leaves out undefined values, so an absent fact is absent in every
 * record, effect and reply. Nothing is copied, because this runs for every order and callback.
 */
export const exactOptional = <T extends object>(value: Loose<T>): T => value as T;
