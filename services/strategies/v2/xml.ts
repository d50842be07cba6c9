/**
 * The XML of API v2, both ways: one flat level of texts below one root. Whatever could make two readers understand
 * two things is refused: document types, entities, attributes, a name that stands twice, deeper levels.
 */
import { isUtf8 } from 'node:buffer';
import { parser } from 'sax';

/** Own names alone, so that no element can be read as a property of an object. */
export type XmlFields = ReadonlyMap<string, string>;

export const XML_BYTES_MAX = 64 * 1024;
const FIELDS_MAX = 1024;
const NAME = /^[A-Za-z0-9_]{1,64}$/;
const DEPTH_MAX = 2;
/** XML 1.0 has no other control characters; the parser does not look. */
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;
const DECLARATION =
  /^version\s*=\s*["']1\.0["'](\s+encoding\s*=\s*["']utf-8["'])?(\s+standalone\s*=\s*["'](yes|no)["'])?\s*$/i;
const BEGINS_XML = /^(\ufeff)?\s*</;

/** true: the sender speaks XML, well-formed or not. JSON never begins so. */
export const beginsAsXml = (raw: Buffer): boolean => BEGINS_XML.test(raw.toString('utf8', 0, 64));

class Refused extends Error {}

const refuse = (): never => {
  throw new Refused('refused');
};

/**
 * @param root  The name of the root element.
 * @returns undefined for anything but a flat document within the bounds.
 */
export function readXml(input: Buffer | string, root = 'xml'): XmlFields | undefined {
  const bytes = typeof input === 'string' ? Buffer.from(input) : input;
  if (bytes.length > XML_BYTES_MAX || !isUtf8(bytes)) return undefined;
  const text = bytes.toString('utf8').replace(/^\ufeff/, '');
  if (CONTROL.test(text)) return undefined;
  try {
    return parse(text, root);
  } catch {
    return undefined; // the caller decides what that means
  }
}

function parse(text: string, root: string): XmlFields | undefined {
  const fields = new Map<string, string>();
  const open: string[] = [];
  let value = '';
  const seen = { root: false, declaration: false };
  const xml = parser(true, { strictEntities: true });
  const add = (part: string): void => {
    if (open.length === DEPTH_MAX) value += part;
    else if (part.trim() !== '') refuse();
  };
  xml.onerror = refuse;
  xml.ondoctype = refuse;
  xml.onsgmldeclaration = refuse;
  xml.onattribute = refuse;
  xml.oncomment = refuse;
  xml.onprocessinginstruction = ({ name, body }) => {
    if (name !== 'xml' || seen.declaration || seen.root || !DECLARATION.test(body.trim())) refuse();
    seen.declaration = true;
  };
  xml.onopentag = ({ name }) => {
    const known = open.length === 0 ? name === root && !seen.root : NAME.test(name);
    if (!known || open.length >= DEPTH_MAX || fields.size >= FIELDS_MAX) refuse();
    if (open.length === 1 && fields.has(name)) refuse();
    seen.root = true;
    open.push(name);
    value = '';
  };
  xml.ontext = add;
  xml.oncdata = add;
  xml.onclosetag = (name) => {
    if (open.length === DEPTH_MAX) fields.set(name, value);
    open.pop();
    value = '';
  };
  xml.write(text).close();
  return seen.root && open.length === 0 ? fields : undefined;
}

/** Each value as CDATA, which needs no escapes but for its own end. */
export function writeXml(fields: Iterable<readonly [name: string, value: string]>): string {
  const elements = [...fields].map(
    ([name, value]) =>
      `<${name}><![CDATA[${value.replaceAll(']]>', ']]]]><![CDATA[>')}]]></${name}>`,
  );
  return `<xml>${elements.join('')}</xml>`;
}
