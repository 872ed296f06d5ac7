// Writes src/messages.ts from the schema that the server's types make (docs/messages.schema.json).
// With --check it only says whether that file is up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { compile } from 'json-schema-to-typescript';

const SCHEMA = new URL('../../docs/messages.schema.json', import.meta.url);
const TYPES = new URL('../src/messages.ts', import.meta.url);
const BANNER = `// The messages of the protocol recipe-chat.v2, as they are on the wire. Types only.
//
// Written by \`npm run types\` from docs/messages.schema.json, which is made from src/protocol.`;

const schema = JSON.parse(readFileSync(SCHEMA, 'utf8'));

/** A field keeps its description beside the name of its type; one without a type is anything. */
function fieldOf({ $ref, ...rest }) {
  if ($ref !== undefined) return { ...rest, allOf: [{ $ref }] };
  return Object.keys(rest).every((key) => key === 'description')
    ? { ...rest, tsType: 'unknown' }
    : rest;
}

// A type has its fields in the order of the wire, which is the one in which they are required.
for (const definition of Object.values(schema.$defs)) {
  const { required = [], properties } = definition;
  if (properties === undefined) continue;
  const last = Object.keys(properties).filter((field) => !required.includes(field));
  definition.properties = Object.fromEntries(
    [...required, ...last].map((field) => [field, fieldOf(properties[field])]),
  );
}

const types = await compile({ ...schema, title: 'Message' }, 'Message', {
  additionalProperties: false,
  bannerComment: BANNER,
  style: { singleQuote: true, printWidth: 100 },
  unknownAny: true,
  unreachableDefinitions: true,
});

if (!process.argv.includes('--check')) {
  writeFileSync(TYPES, types);
} else if (readFileSync(TYPES, 'utf8') !== types) {
  console.error('src/messages.ts is not what docs/messages.schema.json says: npm run types');
  process.exit(1);
}
