// The schema that the server's types make, held to the golden messages; the types that are made
// from it; and the AsyncAPI document, held to the official schema of its format.

import { readdirSync, readFileSync } from 'node:fs';

import { Ajv } from 'ajv';
import { Ajv2020, type AnySchemaObject } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Fields = Record<string, Json>;
type Variant = { of: string; at: string; value?: Json; repeat?: [string, number]; ok: boolean };
type Example = { name: string; payload: Json };
type Message = { name: string; payload: { $ref: string }; examples: Example[] };

const ROOT = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');
const GOLDENS = new Map(
  readdirSync(new URL('tests/fixtures/messages/', ROOT)).map((file) => [
    file.replace('.json', ''),
    JSON.parse(read(`tests/fixtures/messages/${file}`)) as Fields,
  ]),
);
const VARIANTS = JSON.parse(read('tests/fixtures/message_variants.json')) as Variant[];
const SCHEMA = JSON.parse(read('docs/messages.schema.json')) as AnySchemaObject;
const ASYNCAPI = parse(read('docs/asyncapi.yaml'));
const MESSAGES = Object.entries(ASYNCAPI.components.messages) as [string, Message][];

function validator(schema: AnySchemaObject) {
  const ajv = new Ajv2020({ allErrors: true });
  ajvFormats.default(ajv);
  ajv.addFormat('uint64', true);
  ajv.addSchema(schema, 'messages.schema.json');
  return (definition: string, value: unknown) => {
    const validate = ajv.getSchema(`messages.schema.json#/$defs/${definition}`);
    if (validate === undefined) throw new Error(`There is no ${definition}`);
    return validate(value) ? null : ajv.errorsText(validate.errors);
  };
}

const faults = validator(SCHEMA);
const direction = (name: string) => (name.startsWith('client') ? 'ClientMessage' : 'ServerMessage');

/** The message with one field put, replaced or taken away. */
function changed({ of, at, value, repeat }: Variant): Fields {
  const whole = structuredClone(GOLDENS.get(of));
  const keys = at.split('/').slice(1);
  const last = keys.pop() ?? '';
  const parent = keys.reduce((inner, key) => inner[key] as Fields, whole as Fields);
  if (repeat !== undefined) parent[last] = repeat[0].repeat(repeat[1]);
  else if (value !== undefined) parent[last] = value;
  else if (Object.hasOwn(parent, last)) delete parent[last];
  else throw new Error(`${of} has no ${at}`);
  return whole as Fields;
}

describe('the schema', () => {
  test('takes every golden message, of its own direction', () => {
    expect(GOLDENS.size).toBeGreaterThanOrEqual(16);
    for (const [name, message] of GOLDENS) {
      expect(faults(direction(name), message), name).toBe(null);
    }
  });

  test('names every field of every golden message', () => {
    const closed = structuredClone(SCHEMA);
    for (const definition of Object.values(closed['$defs'] as Record<string, AnySchemaObject>)) {
      if (definition['type'] === 'object') definition['additionalProperties'] = false;
    }
    const strict = validator(closed);
    for (const [name, message] of GOLDENS) {
      expect(strict(direction(name), message), name).toBe(null);
      expect(strict(direction(name), { ...message, more: 1 }), name).not.toBe(null);
    }
  });

  test('takes and refuses what is only a little different', () => {
    expect(VARIANTS.filter(({ ok }) => !ok).length).toBeGreaterThanOrEqual(15);
    for (const variant of VARIANTS) {
      const isTaken = faults(direction(variant.of), changed(variant)) === null;
      expect(isTaken, JSON.stringify(variant)).toBe(variant.ok);
    }
  });

  test('tells the two directions apart', () => {
    for (const [name, message] of GOLDENS) {
      const other = direction(name) === 'ClientMessage' ? 'ServerMessage' : 'ClientMessage';
      // With the sender's name left out, this one is what its sender said.
      const isBoth = name.startsWith('server_chat_message');
      expect(faults(other, message) === null, name).toBe(isBoth);
    }
  });
});

/** Every `$ref` in the document. */
function references(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const { $ref, ...rest } = value as Fields;
  return [...(typeof $ref === 'string' ? [$ref] : []), ...Object.values(rest).flatMap(references)];
}

/** What a JSON pointer leads to. */
const follow = (root: unknown, pointer: string) =>
  pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], root);

describe('the AsyncAPI document', () => {
  test('has the form that AsyncAPI 3.0 demands', () => {
    const file = 'client/node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json';
    const official = JSON.parse(read(file)) as AnySchemaObject;
    const ajv = new Ajv({ allErrors: true, strict: false });
    ajvFormats.default(ajv);
    const validate = ajv.compile(official);
    expect(validate(ASYNCAPI), ajv.errorsText(validate.errors)).toBe(true);
    for (const broken of [
      { ...ASYNCAPI, asyncapi: '2.6.0' },
      { ...ASYNCAPI, info: {} },
      { ...ASYNCAPI, operations: { say: { ...ASYNCAPI.operations.say, action: 'shout' } } },
    ]) {
      expect(validate(broken)).toBe(false);
    }
  });

  test('refers to what is there', () => {
    const all = references(ASYNCAPI);
    expect(all.length).toBeGreaterThan(20);
    for (const reference of all) {
      const [file, pointer] = reference.split('#') as [string, string];
      expect(['', './messages.schema.json']).toContain(file);
      const target = follow(file === '' ? ASYNCAPI : SCHEMA, pointer);
      expect(target, reference).toBeDefined();
    }
  });

  test('has every golden message as an example of what it is, and no other', () => {
    const named: string[] = [];
    for (const [key, { name: type, payload, examples }] of MESSAGES) {
      const definition = payload.$ref.split('/').at(-1) ?? '';
      for (const { name, payload: example } of examples) {
        expect(example, name).toEqual(GOLDENS.get(name));
        expect((example as Fields)['type'], key).toBe(type);
        expect(faults(definition, example), name).toBe(null);
        named.push(name);
      }
    }
    expect(named.sort()).toEqual([...GOLDENS.keys()].sort());
  });

  test('lets each message be received or sent', () => {
    const operations = Object.values(ASYNCAPI.operations) as { messages: { $ref: string }[] }[];
    const used = operations.flatMap(({ messages }) => messages.map(({ $ref }) => $ref));
    for (const [key] of MESSAGES) expect(used).toContain(`#/channels/chat/messages/${key}`);
  });
});
