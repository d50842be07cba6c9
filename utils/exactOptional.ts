/** Every field named, though some may not be known. */
type Loose<T> = { readonly [K in keyof T]-?: T[K] | undefined };

/**
 * What is to be written, typed as it will be read: JSON leaves out what is undefined, so an absent fact is absent
 * in every record, effect and reply. Nothing is copied: this is run for every order and callback.
 */
export const exactOptional = <T extends object>(value: Loose<T>): T => value as T;
