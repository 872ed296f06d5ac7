// The one key that does something wherever the focus is. It can be turned off: who speaks to the machine
// may say it without meaning it (WCAG 2.1.4).

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
