const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * Base64 in its one canonical form → bytes. Node's own decoder skips what it does not know and ignores
 * the unused last bits, so that many texts would stand for the same bytes; a probe signature of WeChat
 * is such a text.
 */
export function strictBase64(text: string | undefined): Buffer | undefined {
  if (text === undefined || text.length % 4 !== 0 || !BASE64.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}
