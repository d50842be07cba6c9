/** Holds every answer that a test gets against the document of the surface. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020';
import { ask, type Answer, type Question } from './core';
import { openapiDocument } from '../../routes/documentedRoutes';
import { NOTIFY_ROUTES } from '../../routes/notifyRoutes';

type Tree = Readonly<Record<string, unknown>>;
interface Answered {
  readonly $ref?: string;
  readonly content?: Readonly<Record<string, unknown>>;
}
interface Operation {
  readonly responses: Readonly<Record<string, Answered>>;
}
const document = openapiDocument('0.0.0') as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly responses: Readonly<Record<string, Answered>> };
};
// The document as a whole is checked where it is made.
const ajv = new Ajv2020({ strict: false, validateSchema: false });
ajv.addSchema(document, 'document');
const checks = new Map<string, ValidateFunction>();

const TEMPLATES = Object.keys(document.paths)
  .filter((path) => path !== '/')
  .map((path) => {
    const text = path.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+');
    return { path, pattern: new RegExp(`${text}/?$`) };
  });

/** The documented path at the end of this one: a prefix may stand before it. */
const pathOf = (pathname: string): string | undefined =>
  TEMPLATES.find(({ pattern }) => pattern.test(pathname))?.path;

/** Any path may receive a notification, and then answers in that voice. */
const CALLBACK = Object.keys(NOTIFY_ROUTES)[0] ?? '';
const escaped = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

/** In which media types it is answered, and where in the document that stands. */
function replyOf(
  path: string,
  method: string,
  status: number,
): { readonly mediaTypes: readonly string[]; readonly place: string } {
  const { responses = {} } = document.paths[path]?.[method] ?? {};
  const key = responses[status] === undefined ? `${String(status).slice(0, 1)}XX` : String(status);
  const { $ref: shared } = responses[key] ?? {};
  const place = shared ?? `#/paths/${escaped(path)}/${method}/responses/${key}`;
  const answered =
    shared === undefined
      ? responses[key]
      : document.components.responses[shared.split('/').at(-1) ?? ''];
  return { mediaTypes: Object.keys(answered?.content ?? {}), place };
}

function faultOf(name: string, place: string, body: unknown): string | undefined {
  let check = checks.get(place);
  if (check === undefined) {
    check = ajv.compile({ $ref: `document${place}` });
    checks.set(place, check);
  }
  return check(body) ? undefined : `${name}: ${ajv.errorsText(check.errors)}`;
}

/** One request; its answer is as the document says. */
export async function askDocumented(question: Question): Promise<Answer> {
  const answer = await ask(question);
  const fault = undocumented(question, answer);
  if (fault !== undefined) throw new Error(fault);
  return answer;
}

/** What of an answer of this service is not as documented; undefined: nothing. Others answer without a request id. */
function undocumented(
  { method, url, path: sent = url }: Question,
  answer: Answer,
): string | undefined {
  const { status, headers, text } = answer;
  if (headers['x-request-id'] === undefined || status === 204 || method === 'HEAD')
    return undefined;
  const pathname = sent.replace(/^https?:\/\/[^/]+/, '').split('?', 1)[0] ?? '';
  const path = pathOf(pathname) ?? '/';
  const own = path === '/' ? undefined : document.paths[path]?.[method.toLowerCase()];
  // A notification may come to any path and method that is not a route of its own.
  const notified = status >= 400 && own === undefined && (JSON.parse(text) as Tree).code === 'FAIL';
  const name = `${method} ${path} ${String(status)}${notified ? ' FAIL' : ''}`;
  const asked = own === undefined ? ['/', 'post'] : [path, method.toLowerCase()];
  const [at = '', by = ''] = notified ? [CALLBACK, 'post'] : asked;
  const { mediaTypes, place } = replyOf(at, by, status);
  if (mediaTypes.length === 0) return `${name} is not in the document`;
  const [type = ''] = String(headers['content-type']).split(';', 1);
  if (!mediaTypes.includes(type)) return `${name} is ${mediaTypes.join(' or ')}, not ${type}`;
  if (type !== 'application/json') return undefined;
  const fault = faultOf(name, `${place}/content/${escaped(type)}/schema`, JSON.parse(text));
  return fault === undefined ? undefined : `${fault}\n${text.slice(0, 2000)}`;
}
