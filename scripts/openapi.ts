/** Writes docs/openapi.json, or with --check fails when it differs from the route table and the examples. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { openapiDocument } from '../routes/documentedRoutes';
import type { Examples } from '../utils/openapi';

const file = path.join(__dirname, '..', 'docs', 'openapi.json');
const { version } = JSON.parse(
  readFileSync(path.join(__dirname, '..', 'package.json'), 'utf8'),
) as { version: string };
const examples = JSON.parse(
  readFileSync(path.join(__dirname, '..', 'docs', 'examples.json'), 'utf8'),
) as Examples;
const text = JSON.stringify(openapiDocument(version, examples), null, 2) + '\n';

if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== text) {
    process.stderr.write('docs/openapi.json is stale: npm run openapi\n');
    process.exitCode = 1;
  }
} else writeFileSync(file, text);
