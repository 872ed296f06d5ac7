// A server of our own for a script: on a free port of the loopback, in a folder that goes with it.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { finest, follow, known } from './logs.js';

export const PATIENCE_MS = 20_000;

/** What a process says once `pattern` is in it; an error when it ends or takes long before. */
export function until(child, pattern) {
  return new Promise((found, reject) => {
    let text = '';
    const fail = (why) => reject(new Error(`${why}; it said:\n${text}`));
    const timer = setTimeout(() => fail(`no ${pattern} in time`), PATIENCE_MS);
    const read = (chunk) => {
      text += chunk;
      const match = pattern.exec(text);
      if (match) {
        clearTimeout(timer);
        found(match);
      }
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('error', fail);
    child.on('close', (code) => fail(`it ended with ${code}`));
  });
}

export class Server {
  /** Also for what else a script writes. */
  folder = mkdtempSync(join(tmpdir(), 'vestibule-'));
  #binary;
  #process = null;
  #address = '127.0.0.1:0';
  #tls = {};

  /** With the names of a certificate's file and its key's, it speaks TLS and nothing else. */
  constructor(binary, certificate, key) {
    if (!binary) throw new Error('The path of the vestibule binary is missing');
    this.#binary = resolve(binary);
    if (certificate) {
      this.#tls = { VESTIBULE_TLS__CERT_FILE: certificate, VESTIBULE_TLS__KEY_FILE: key };
    }
  }

  get url() {
    const isSecure = 'VESTIBULE_TLS__CERT_FILE' in this.#tls;
    return `${isSecure ? 'wss' : 'ws'}://${this.#address}`;
  }

  get isRunning() {
    return this.#process?.exitCode === null && this.#process.signalCode === null;
  }

  /** Again on the same port, if it ran before. */
  async start() {
    const args = ['serve', '--app', 'memory-open', '--listen', this.#address];
    // Without the one port that all servers of this host would share.
    const env = finest({ ...process.env, VESTIBULE_ADMIN__LISTEN: '', ...this.#tls });
    const options = { cwd: this.folder, env };
    this.#process = spawn(this.#binary, [...args, '--data', this.folder], options);
    follow('client', this.#process);
    const [, address] = await until(this.#process, /wss?:\/\/([0-9.:]+)/);
    this.#address = address;
  }

  token(sub, ttl = '15m') {
    const args = ['token', '--sub', sub, '--ttl', ttl, '--data', this.folder];
    const { stdout, status, stderr } = spawnSync(this.#binary, args, { cwd: this.folder });
    if (status !== 0) throw new Error(String(stderr));
    return known(String(stdout).trim());
  }

  stop(signal) {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill(signal);
    return ended;
  }

  signal(name) {
    this.#process.kill(name);
  }

  remove() {
    this.#process?.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}
