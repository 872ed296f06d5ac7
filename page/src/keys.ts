// The one key that does something wherever the focus is, which can be turned off: who speaks to the
// machine may say it without meaning it (WCAG 2.1.4). And keys that are not the page's.

import type { KeyboardEvent } from 'react';

import { Store } from './store';

const KEY = 'vestibule.message-key';

function load(): boolean {
  try {
    return localStorage.getItem(KEY) !== 'off';
  } catch {
    return true;
  }
}

export const messageKey = new Store(load());

export function setMessageKey(isOn: boolean): void {
  messageKey.set(isOn);
  try {
    if (isOn) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, 'off');
  } catch {
    // No storage here: then it is for as long as the page.
  }
}

/**
 * While a character is being composed, a key is the input method's. Safari says of the Enter that ends
 * it that nothing is being composed, and shows by the old code 229 that it was the input method's.
 */
export const isComposing = ({ nativeEvent, keyCode }: KeyboardEvent): boolean =>
  nativeEvent.isComposing || keyCode === 229;
