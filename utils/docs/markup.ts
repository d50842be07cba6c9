/** Text → HTML: escaped, and each language marked as such, so that a reader may see his own alone. */

export const escape = (text: string): string =>
  text.replace(/[&<>"']/g, (c) => `&#${String(c.charCodeAt(0))};`);

/** `code` in back-ticks becomes code. */
const prose = (text: string): string => escape(text).replace(/`([^`]*)`/g, '<code>$1</code>');

/** "English · 中文" in two elements; a text of one language as it is. */
export function bilingual(text: string): string {
  const [en = '', zh] = text.split(' · ', 2);
  if (zh === undefined) return prose(en);
  return `<span lang="en">${prose(en)}</span><span lang="zh"> ${prose(zh)}</span>`;
}

export const code = (text: string): string => `<code>${escape(text)}</code>`;
