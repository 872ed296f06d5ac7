// What servers log in a whole run of the tests, to be searched for secrets: src/testing/logs.rs.
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';

const DIRECTORY = process.env.LOGS_OF_TESTS;

function append(name, text) {
  if (DIRECTORY) appendFileSync(join(DIRECTORY, name), text);
}

/** The environment of a server that logs everything. */
export function finest(env) {
  return DIRECTORY ? { ...env, VESTIBULE_LOG__LEVEL: 'trace', VESTIBULE_LOG__QUEUE: '65536' } : env;
}

/** Keeps what a server says, on either output. */
export function follow(suite, child) {
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => append(`${suite}-${process.pid}.log`, chunk));
  }
}

/** From here on `secret` is looked for. */
export function known(secret) {
  append(`${process.pid}.secrets`, `${secret}\n`);
  return secret;
}
