/** The checked-in document passes the linter that the field uses, examples against their schemas included. */
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const source = readFileSync(join(__dirname, '../../docs/openapi.json'), 'utf8');

async function problemsOf(text: string): Promise<string[]> {
  // WeChat Pay's bodies may grow.
  const examples = { severity: 'error', allowAdditionalProperties: true } as const;
  const config = await createConfig({
    extends: ['recommended-strict'],
    rules: { 'no-invalid-media-type-examples': examples },
  });
  const found = await lintFromString({ source: text, absoluteRef: 'openapi.json', config });
  return found.map(({ ruleId, message }) => `${ruleId}: ${message}`);
}

test('is OpenAPI 3.1 without a complaint', async () => {
  expect(JSON.parse(source)).toMatchObject({ openapi: '3.1.0' });
  expect(await problemsOf(source)).toEqual([]);
});

test('a fault in it would be found', async () => {
  const [operation] = source.match(/"operationId": "wxpay_refund"/) ?? [];
  expect(operation).toBeDefined();
  const twice = source.replace('"operationId": "wxpay_refund"', '"operationId": "wxpay_order"');
  expect(await problemsOf(twice)).not.toEqual([]);
  const other = source.replace(/"refund": 500,/, '"refund": "500",');
  expect(await problemsOf(other)).not.toEqual([]);
  const odd = source.replace('"type": "integer"', '"type": "fen"');
  expect(await problemsOf(odd)).not.toEqual([]);
});
