import { beforeEach, expect, test, vi } from 'vitest';

import { askBeforeLeaving, draftStore } from '../src/storage.js';
import { stubStorage } from './support.js';

const KEY = 'drafts';
let items: Map<string, string>;

beforeEach(() => {
  items = stubStorage();
});

test('a draft is kept for its room and its user, also after a reload', () => {
  draftStore(KEY).save('soup', 'alice', 'Add ');
  const drafts = draftStore(KEY);
  const at = (room: string, user: string) => drafts.load(room, user);
  expect([at('soup', 'alice'), at('stew', 'alice'), at('soup', 'bob')]).toEqual(['Add ', '', '']);
});

test('an empty draft is forgotten, and so are all at a sign-out', () => {
  const drafts = draftStore(KEY);
  drafts.save('soup', 'alice', 'Add ');
  drafts.save('soup', 'alice', '');
  expect(items.size).toBe(0);
  drafts.save('stew', 'alice', 'Add ');
  drafts.clear();
  expect([items.size, drafts.load('stew', 'alice')]).toEqual([0, '']);
});

test('drafts are bounded by count and bytes', () => {
  const drafts = draftStore(KEY);
  for (let n = 0; n < 70; n++) drafts.save(`${n}`, 'alice', 'Add ');
  expect([drafts.load('5', 'alice'), drafts.load('6', 'alice')]).toEqual(['', 'Add ']);
  drafts.save('long', 'alice', 'x'.repeat(300_000));
  expect([drafts.load('long', 'alice'), drafts.load('69', 'alice')]).toEqual(['', 'Add ']);
  for (let n = 0; n < 4; n++) drafts.save(`long ${n}`, 'alice', 'x'.repeat(100_000));
  expect([drafts.load('69', 'alice'), drafts.load('long 1', 'alice')]).toEqual(['', '']);
  expect(drafts.load('long 2', 'alice').length).toBe(100_000);
});

test('a storage that is denied or full leaves memory', () => {
  for (const fault of ['denied', 'full'] as const) {
    stubStorage(fault);
    const drafts = draftStore(KEY);
    drafts.save('soup', 'alice', 'Add ');
    expect(drafts.load('soup', 'alice')).toBe('Add ');
  }
  vi.stubGlobal('sessionStorage', undefined);
  const drafts = draftStore(KEY);
  drafts.save('soup', 'alice', 'Add ');
  expect(drafts.load('soup', 'alice')).toBe('Add ');
});

test('the browser asks before leaving while it is needed', () => {
  const browser = new EventTarget();
  vi.stubGlobal('addEventListener', browser.addEventListener.bind(browser));
  vi.stubGlobal('removeEventListener', browser.removeEventListener.bind(browser));
  let isNeeded = false;
  const leave = () => {
    const event = new Event('beforeunload', { cancelable: true });
    browser.dispatchEvent(event);
    return event.defaultPrevented;
  };
  const off = askBeforeLeaving(() => isNeeded);
  expect(leave()).toBe(false);
  isNeeded = true;
  expect(leave()).toBe(true);
  off();
  expect(leave()).toBe(false);
});
