// The page's own files, kept by the service worker; and what tells of new ones.

import type { ReactElement } from 'react';

import { Store, useStore } from './store';

const SCRIPT = '/worker.js';
/** A page that is open for long looks for a new version when it is shown, at most so often. */
const LOOK_MS = 3_600_000;

/** The new version, which waits; null: there is none. */
const waiting = new Store<ServiceWorker | null>(null);

interface ScriptPolicy {
  createScriptURL(text: string): string;
}
interface PolicyFactory {
  createPolicy(name: string, rules: ScriptPolicy): ScriptPolicy;
}

/** The server's policy takes a script's address from this policy of one alone (Trusted Types). */
function scriptUrl(): string {
  const { trustedTypes } = window as { trustedTypes?: PolicyFactory };
  const policy = trustedTypes?.createPolicy('vestibule-worker', { createScriptURL: () => SCRIPT });
  return policy?.createScriptURL('') ?? SCRIPT;
}

/** Nothing where the browser has no service workers, or denies them, or a proxy's policy does. */
export async function keepFiles(): Promise<void> {
  if (!('serviceWorker' in navigator)) return;
  try {
    follow(await navigator.serviceWorker.register(scriptUrl(), { updateViaCache: 'none' }));
  } catch {
    // Then the page comes from the server each time.
  }
}

function follow(registration: ServiceWorkerRegistration): void {
  const look = () => {
    // The first one replaces nothing.
    if (registration.active !== null && registration.waiting !== null) {
      waiting.set(registration.waiting);
    }
  };
  look();
  registration.addEventListener('updatefound', () =>
    registration.installing?.addEventListener('statechange', look),
  );
  let lookedAt = Date.now();
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState !== 'visible' || Date.now() - lookedAt < LOOK_MS) return;
    lookedAt = Date.now();
    registration.update().catch(() => {});
  });
}

function reload(worker: ServiceWorker): void {
  navigator.serviceWorker.addEventListener('controllerchange', () => location.reload());
  worker.postMessage('activate');
}

export function Update(): ReactElement {
  const worker = useStore(waiting);
  return (
    <div role="status">
      {worker !== null && (
        <p className="update">
          <span>A new version is ready.</span>
          <button type="button" className="button small" onClick={() => reload(worker)}>
            Reload
          </button>
        </p>
      )}
    </div>
  );
}
