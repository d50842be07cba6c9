/**
 * Schema → check, by AJV when a schema is first used. A build puts checks that were compiled with it in the place
 * of this file: `scripts/standalone.ts`.
 */
import type { Ajv, Options, ValidateFunction } from 'ajv';
import { isAddress, isPublicAddress } from './addresses';

/** AJV with the keyword and formats of ours. WeChat counts UTF-8 bytes, of an object those of its JSON. */
export function createCompiler({ Ajv: Compiler, _ }: typeof import('ajv'), more?: Options): Ajv {
  const checking: Options = { strict: true, allErrors: false, allowUnionTypes: true };
  const ajv = new Compiler({ ...checking, messages: false, ...more });
  ajv.addKeyword({
    keyword: 'maxBytes',
    type: ['string', 'object'],
    schemaType: 'number',
    error: { message: 'too many bytes', params: ({ schemaCode }) => _`{limit: ${schemaCode}}` },
    code(context) {
      const { data, schemaCode } = context;
      const text = _`typeof ${data} == "string" ? ${data} : JSON.stringify(${data})`;
      context.fail(_`Buffer.byteLength(${text}) > ${schemaCode}`);
    },
  });
  ajv.addFormat('ip', isAddress);
  ajv.addFormat('public-ip', isPublicAddress);
  return ajv;
}

/** @returns what compiles. AJV is loaded with the first schema. */
export function createSchemaCompiler(): (schema: object) => ValidateFunction {
  let compiler: Ajv | undefined;
  return (schema) => {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    compiler ??= createCompiler(require('ajv') as typeof import('ajv'));
    return compiler.compile(schema);
  };
}
