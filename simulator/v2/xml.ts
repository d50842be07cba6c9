import { parser } from 'sax';

export type Fields = Readonly<Record<string, string>>;

/** A flat document's texts, or undefined for anything WeChat could not read. */
export function parseXml(text: string, root = 'xml'): Fields | undefined {
  const fields = new Map<string, string>();
  const open: string[] = [];
  let value = '';
  const xml = parser(true, { strictEntities: true });
  const refuse = (): never => {
    throw new SyntaxError('xml');
  };
  xml.onerror = refuse;
  xml.ondoctype = refuse;
  xml.onopentag = ({ name }) => {
    if (open.length === 0 ? name !== root : open.length > 1) refuse();
    open.push(name);
    value = '';
  };
  xml.ontext = (part) => (value += part);
  xml.oncdata = (part) => (value += part);
  xml.onclosetag = (name) => {
    if (open.pop() !== undefined && open.length === 1) fields.set(name, value);
    value = '';
  };
  try {
    xml.write(text).close();
  } catch {
    return undefined;
  }
  return Object.fromEntries(fields);
}

/** Texts as CDATA, numbers bare, as WeChat writes them. */
export function xmlText(fields: Fields, root = 'xml'): string {
  const elements = Object.entries(fields).map(([name, value]) =>
    /^\d+$/.test(value)
      ? `<${name}>${value}</${name}>`
      : `<${name}><![CDATA[${value.split(']]>').join(']]]]><![CDATA[>')}]]></${name}>`,
  );
  return `<${root}>${elements.join('')}</${root}>`;
}
