// Holds a gateway's OpenAPI document against the specification's own schema, and what the gateway really answered against the document.
// node openapi.mjs DOCUMENT TRANSCRIPT PACKAGES: what is wrong is on stderr, a line each, and the exit code. TRANSCRIPT: a line of JSON for each answer.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [documentFile, transcriptFile, packages] = process.argv.slice(2);
const require = createRequire(packages);
const { Validator } = await import(require.resolve('@seriousme/openapi-schema-validator'));
const Ajv = require('ajv/dist/2020').default;
const document = JSON.parse(readFileSync(documentFile));
const transcript = readFileSync(transcriptFile, 'utf8').trim().split('\n').map(line => JSON.parse(line));
const wrong = [];

const validator = new Validator();
const { valid, errors } = await validator.validate(structuredClone(document));
if (!valid) wrong.push(`the document is not OpenAPI: ${JSON.stringify(errors)}`);
if (validator.version !== '3.1') wrong.push(`the document is OpenAPI ${validator.version}`);

// What the document does not say must not be answered.
for (const schema of Object.values(document.components.schemas)) if (schema.properties) schema.additionalProperties = false;
const ajv = new Ajv({ strict: false, formats: { int32: true, int64: true, uint32: true, double: true } });
require('ajv-formats').default(ajv);
ajv.addSchema(document, 'api');
const pointer = (...path) => `#/${path.map(part => part.replaceAll('~', '~0').replaceAll('/', '~1')).join('/')}`;
const checks = new Map();
function check(where, what, body) {
  if (!checks.has(where)) checks.set(where, ajv.compile({ $ref: `api${where}` }));
  const validate = checks.get(where);
  if (!validate(body)) wrong.push(`${what}: ${ajv.errorsText(validate.errors)}: ${JSON.stringify(body).slice(0, 300)}`);
}
const schema = name => pointer('components', 'schemas', name);

const operations = Object.entries(document.paths).flatMap(([path, item]) => Object.entries(item).map(([method, operation]) => ({
  path, method, operation, matches: new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{[^}]*\}/g, '[^/]+')}$`), seen: new Set(),
})));

// The examples are of the kind they are examples of.
for (const { path, method, operation } of operations) {
  const media = [['requestBody', operation.requestBody], ...Object.entries(operation.responses).map(([status, response]) => [`responses/${status}`, response])];
  for (const [where, holder] of media) {
    for (const [type, content] of Object.entries(holder?.content ?? {})) {
      if (content.example !== undefined) check(pointer('paths', path, method, ...where.split('/'), 'content', type, 'schema'), `example of ${operation.operationId} ${where}`, content.example);
    }
  }
  if (!operation.summary) wrong.push(`${method} ${path} is not described`);
}
for (const [code, { value }] of Object.entries(document.components.examples)) check(schema('Problem'), `example of ${code}`, value);

const codes = new Set();
for (const { method, path, status, type, body, retryAfter } of transcript) {
  const what = `${method} ${path} -> ${status}`;
  const found = operations.find(one => one.method === method.toLowerCase() && one.matches.test(path.split('?')[0]));
  const problem = type === 'application/problem+json' ? JSON.parse(body) : undefined;
  if (problem) {
    codes.add(problem.code);
    check(schema('Problem'), what, problem);
    if (problem.status !== status) wrong.push(`${what} says it is ${problem.status}`);
    if ((problem.retryAfterMs !== undefined) !== (retryAfter !== null)) wrong.push(`${what}: Retry-After and retryAfterMs do not agree`);
  } else if (status >= 400) wrong.push(`${what} is no problem but ${type}`);
  if (!found) {
    if (!['not_found', 'method_not_allowed', 'unauthenticated', 'forbidden'].includes(problem?.code)) wrong.push(`${what} is a call that the document does not have`);
    continue;
  }
  const response = found.operation.responses[status];
  if (!response) {
    wrong.push(`${what} (${problem?.code}) is not in the document`);
    continue;
  }
  found.seen.add(`${status}`);
  if (problem && !response.content['application/problem+json'].examples[problem.code]) wrong.push(`${what}: the document does not have ${problem.code} there`);
  if (!response.content) {
    if (body) wrong.push(`${what} has a body`);
  } else if (!response.content[type]) wrong.push(`${what} is ${type}`);
  else if (type === 'application/json') check(pointer('paths', found.path, found.method, 'responses', `${status}`, 'content', type, 'schema'), what, JSON.parse(body));
  else if (type === 'text/event-stream') {
    for (const block of body.split('\n\n')) {
      const field = name => block.split('\n').find(line => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const kind = field('event');
      if (kind) check(schema({ tube: 'Tube', tubes_listed: 'TubesListed' }[kind] ?? 'Signal'), `${what} ${kind}`, JSON.parse(field('data')));
    }
  }
}

for (const { path, method, operation, seen } of operations) {
  const never = Object.keys(operation.responses).filter(status => status < 400 && !seen.has(status));
  if (never.length) wrong.push(`${method} ${path} was never answered ${never.join(', ')}`);
}
const never = document.components.schemas.Problem.properties.code.enum.filter(code => !codes.has(code));
if (never.length) wrong.push(`never provoked: ${never.join(', ')}`);
if (wrong.length) console.error(wrong.join('\n'));
process.exitCode = wrong.length ? 1 : 0;
