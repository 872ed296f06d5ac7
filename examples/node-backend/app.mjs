// An example backend for Vestibule in Node.js, without a framework or a package: recipes in memory,
// each for its owner and their guests. It does what ../fastapi does. Run it with `node app.mjs`; see
// README.md.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const TOLERANCE_SECONDS = 300;
// The longest call: a message of 64 KiB, escaped as JSON, and what stands beside it.
const MAX_BODY_BYTES = 512 * 1024;
const MAX_ANSWERS = 1_000;

/** An answer other than 200. */
class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The key behind `whsec_…` in the file that BACKEND_SECRET_FILE names; null without one. */
function readKey() {
  const path = process.env.BACKEND_SECRET_FILE;
  if (!path) {
    console.error('BACKEND_SECRET_FILE is not set: everybody on this host is believed');
    return null;
  }
  const text = readFileSync(path, 'utf8').trim();
  return Buffer.from(text.replace(/^whsec_/, ''), 'base64');
}

const KEY = readKey();

/** Refuses what Vestibule did not sign, or not lately (Standard Webhooks). */
function verify(headers, body) {
  if (KEY === null) return;
  const timestamp = headers['webhook-timestamp'] ?? '';
  if (!/^\d+$/.test(timestamp)) throw new Refusal(401, 'no timestamp');
  if (Math.abs(Date.now() / 1_000 - Number(timestamp)) > TOLERANCE_SECONDS) {
    throw new Refusal(401, 'too old, or from the future');
  }
  const hmac = createHmac('sha256', KEY);
  hmac.update(`${headers['webhook-id'] ?? ''}.${timestamp}.`).update(body);
  const wanted = Buffer.from(`v1,${hmac.digest('base64')}`);
  // Each is compared in constant time; there are two while a secret is being changed.
  const isIt = (given) => given.length === wanted.length && timingSafeEqual(given, wanted);
  const signatures = (headers['webhook-signature'] ?? '').split(' ');
  if (!signatures.some((given) => isIt(Buffer.from(given)))) {
    throw new Refusal(401, 'wrong signature');
  }
}

const RECIPES = new Map(
  [
    {
      owner: 'alice',
      id: 'soup',
      title: 'Tomato soup',
      servings: 4,
      ingredients: [
        { text: 'tomatoes', quantity: 800, unit: 'g' },
        { text: 'onion', quantity: 1, unit: null },
        { text: 'salt', quantity: null, unit: null },
      ],
      steps: ['Fry the onion.', 'Add the tomatoes and simmer for 20 minutes.'],
    },
    { owner: 'bob', id: 'stew', title: 'Lentil stew', servings: 2, ingredients: [], steps: [] },
  ].map((recipe) => [recipe.id, recipe]),
);

/** The recipe as clients see it. */
function data({ owner: _, ...recipe }) {
  return { ...recipe, yield: `${recipe.servings} servings` };
}

/** The recipe, for its owner and their guests. Another's is not told apart from no recipe. */
function recipeOf({ room, user }) {
  const recipe = RECIPES.get(room);
  if (!recipe || ![recipe.owner, `guest-of-${recipe.owner}`].includes(user.id)) {
    throw new Refusal(404, 'no such recipe');
  }
  return recipe;
}

function rename(recipe, title) {
  recipe.title = title.trim();
  return `It is called ${recipe.title} now.`;
}

function scale(recipe, servings) {
  const wanted = Number(servings);
  const factor = wanted / recipe.servings;
  for (const ingredient of recipe.ingredients) {
    if (ingredient.quantity !== null) {
      ingredient.quantity = Math.round(ingredient.quantity * factor * 100) / 100;
    }
  }
  recipe.servings = wanted;
  return `It serves ${wanted} now.`;
}

const COMMANDS = [
  [/^rename to (.{1,200})$/i, rename],
  [/^scale to ([1-9]\d{0,3}) servings?$/i, scale],
];
const HELP = 'I understand: `Rename to …`, `Scale to N servings`, `What time is it?`.';
const LINK = /https?:\/\//i;
const SWEAR_WORD = /\bdarn\b/gi;

// The answers to the last messages, so that one that comes again is not done again. A real backend
// stores them with the change.
const ANSWERS = new Map();

/** The answer to a message, the same however often it comes. */
function firstAnswer(call) {
  const { id, content } = call.message;
  const key = JSON.stringify([call.room, call.user.id, id]);
  const known = ANSWERS.get(key);
  if (known) {
    if (known.content !== content) throw new Refusal(409, 'this id was used for another message');
    return known.answer;
  }
  const answer = answerTo(call);
  ANSWERS.set(key, { content, answer });
  if (ANSWERS.size > MAX_ANSWERS) ANSWERS.delete(ANSWERS.keys().next().value);
  return answer;
}

function answerTo(call) {
  const recipe = recipeOf(call);
  const { content, timestamp } = call.message;
  // Needs `backend.moderate`: without it the others have the message already.
  if (LINK.test(content)) return { deliver: false, reason: 'No links, please.' };
  if (content.search(SWEAR_WORD) !== -1) {
    const changed = content.replace(SWEAR_WORD, 'd***');
    return { content: 'Mind your words.', message: { content: changed } };
  }
  if (content.trim() === 'What time is it?') return { content: `You asked at ${timestamp}.` };
  for (const [pattern, change] of COMMANDS) {
    const match = pattern.exec(content.trim());
    if (match) {
      // Needs `backend.claims` with `role`.
      if (call.user.claims?.role === 'guest') return { content: 'Guests can only look.' };
      return { content: change(recipe, match[1]), recipe_data: data(recipe) };
    }
  }
  return { content: HELP };
}

// Nothing is awaited between reading a recipe and changing it, so two calls cannot mix. With a
// database, use its transactions: different connections call at the same time.
const CALLS = {
  '/join': (call) => {
    const recipe = recipeOf(call);
    const { address, query } = call.client;
    console.error(`${call.user.id} joins ${call.room} from ${address} with ${query ?? null}`);
    return { content: `Let's cook ${recipe.title}.`, recipe_data: data(recipe) };
  },
  '/message': firstAnswer,
  '/leave': ({ room, user, code, reason }) => {
    console.error(`${user.id} has left ${room}: ${code} ${reason}`);
    return null;
  },
};

async function read(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new Refusal(413, 'too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function respond(request) {
  const body = await read(request);
  verify(request.headers, body);
  const call = request.method === 'POST' ? CALLS[request.url] : undefined;
  if (!call) throw new Refusal(404, 'nothing is here');
  return call(JSON.parse(body));
}

const server = createServer((request, response) => {
  respond(request).then(
    (answer) => {
      if (answer === null) return response.writeHead(204).end();
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
    },
    (error) => {
      const status = error instanceof Refusal ? error.status : 500;
      if (status === 500) console.error(error);
      response.writeHead(status, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ error: error instanceof Refusal ? error.message : 'internal' }));
    },
  );
});
// Longer than Vestibule keeps an idle connection, so that no call meets its end.
server.keepAliveTimeout = 10_000;
server.listen(Number(process.env.PORT ?? 8000), '127.0.0.1', () => {
  console.error(`running on http://127.0.0.1:${server.address().port}`);
});
