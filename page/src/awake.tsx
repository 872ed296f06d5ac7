// A switch that keeps the screen on while one cooks.

import { useEffect, useState, type ReactElement } from 'react';

/** Nothing where the browser cannot do that. */
export function Awake(): ReactElement | null {
  const [isOn, setIsOn] = useState(false);
  useEffect(() => {
    if (!isOn) return;
    let lock: WakeLockSentinel | null = null;
    let isWanted = true;
    // The browser ends it when the page is hidden.
    const acquire = () => {
      if (document.visibilityState !== 'visible') return;
      navigator.wakeLock.request('screen').then(
        (got) => {
          lock = got;
          if (!isWanted) void got.release();
        },
        // Such as: the battery is low.
        () => isWanted && setIsOn(false),
      );
    };
    acquire();
    document.addEventListener('visibilitychange', acquire);
    return () => {
      isWanted = false;
      document.removeEventListener('visibilitychange', acquire);
      void lock?.release();
    };
  }, [isOn]);
  if (!('wakeLock' in navigator)) return null;
  return (
    <label className="cooking">
      <input
        type="checkbox"
        role="switch"
        checked={isOn}
        onChange={(event) => setIsOn(event.target.checked)}
      />
      Keep the screen on
    </label>
  );
}
