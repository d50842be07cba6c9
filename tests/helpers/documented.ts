/** Holds every answer that a test gets against the document of the surface. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020';
import { ask, type Answer, type Question } from './core';
import { openapiDocument } from '../../routes/documentedRoutes';
import { NOTIFY_ROUTES } from '../../routes/notifyRoutes';
import { withoutRefs } from '../../utils/openapiRefs';

type Tree = Readonly<Record<string, unknown>>;
interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Tree }>> }>
  >;
}
const document = withoutRefs<{
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}>(openapiDocument('0.0.0'));
// The document as a whole is checked where it is made.
const ajv = new Ajv2020({ strict: false, validateSchema: false });
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

const ANY = document.paths['/']?.post;
/** Any path may receive a notification, and then answers in that voice. */
const CALLBACK = document.paths[Object.keys(NOTIFY_ROUTES)[0] ?? '']?.post;

function schemaOf(operation: Operation | undefined, status: number): [string, Tree] | undefined {
  const { responses = {} } = operation ?? {};
  const key = responses[status] === undefined ? `${String(status).slice(0, 1)}XX` : String(status);
  const [content] = Object.entries(responses[key]?.content ?? {});
  return content === undefined ? undefined : [content[0], content[1].schema];
}

function faultOf(name: string, schema: Tree, body: unknown): string | undefined {
  let check = checks.get(name);
  if (check === undefined) {
    check = ajv.compile(schema);
    checks.set(name, check);
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
  const operation = own ?? ANY;
  // A notification may come to any path and method that is not a route of its own.
  const notified = status >= 400 && own === undefined && (JSON.parse(text) as Tree).code === 'FAIL';
  const name = `${method} ${path} ${String(status)}${notified ? ' FAIL' : ''}`;
  const found = schemaOf(notified ? CALLBACK : operation, status);
  if (found === undefined) return `${name} is not in the document`;
  const [mediaType, schema] = found;
  const type = String(headers['content-type']).split(';', 1)[0];
  if (type !== mediaType) return `${name} is ${mediaType}, not ${String(type)}`;
  if (mediaType !== 'application/json') return undefined;
  const fault = faultOf(name, schema, JSON.parse(text));
  return fault === undefined ? undefined : `${fault}\n${text.slice(0, 2000)}`;
}
