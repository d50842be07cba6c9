/**
 * Base64 in its one canonical form → bytes. Node's own decoder skips what it does not know and ignores
 * the unused last bits, so that many texts would stand for the same bytes; a probe signature of WeChat
 * is such a text. Written back it must be the text that came: that refuses all of them.
 */
export function strictBase64(text: string | undefined): Buffer | undefined {
  if (text === undefined || text === '') return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}
