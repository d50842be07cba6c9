/** A number nobody else takes: the Beijing time to the second and twelve random characters. */
export function newNumber(prefix: string): string {
  const time = new Date(Date.now() + 8 * 3_600_000).toISOString().replace(/\D/g, '').slice(0, 14);
  const random = crypto.getRandomValues(new Uint8Array(6));
  return `${prefix}${time}${[...random].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
