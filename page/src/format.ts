// Numbers and times, as people write them.

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const STEPS = [
  ['year', 365 * 24 * 3_600],
  ['month', 30 * 24 * 3_600],
  ['week', 7 * 24 * 3_600],
  ['day', 24 * 3_600],
  ['hour', 3_600],
  ['minute', 60],
] as const;

/** `3 hours ago`; a time in the future is a clock that is wrong. */
export function ago(timestamp: string): string {
  const seconds = Math.max(0, (Date.now() - Date.parse(timestamp)) / 1_000);
  const step = STEPS.find(([, length]) => seconds >= length);
  return step === undefined ? 'just now' : relative.format(-Math.floor(seconds / step[1]), step[0]);
}

export function minutes(count: number): string {
  const [hours, rest] = [Math.floor(count / 60), count % 60];
  if (hours === 0) return `${rest} min`;
  return rest === 0 ? `${hours} h` : `${hours} h ${rest} min`;
}

export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** The amount at the beginning of an ingredient, and the rest. */
export function amountOf(text: string, unit: string | null): [amount: string, rest: string] {
  const number =
    /^[\d½⅓⅔¼¾⅛⅜⅝⅞⅕⅖⅗⅘⅙⅚][\d½⅓⅔¼¾⅛⅜⅝⅞⅕⅖⅗⅘⅙⅚\s.,/⁄–-]*/u.exec(text)?.[0].trimEnd() ?? '';
  const rest = text.slice(number.length);
  if (number === '' || unit === null) return [number, rest];
  // The server has one name for a unit: `tbsp` is written `tablespoons`, too, and `lb` is `pounds`.
  const words = `\\s*(?:\\p{L}+\\.?\\s?){${unit.split(' ').length}}`;
  const written = new RegExp(`^${words}(?!\\p{L})`, 'u').exec(rest)?.[0].trimEnd() ?? '';
  const initial = written.trimStart().charAt(0).toLowerCase();
  const isUnit = initial === unit.charAt(0).toLowerCase() || (unit === 'lb' && initial === 'p');
  return isUnit ? [number + written, rest.slice(written.length)] : [number, rest];
}

const hours = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const days = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });

/** When something was said: short, with the day unless it is today; and in full. */
export function clock(time: number): [short: string, long: string] {
  const [day, hour] = [days.format(time), hours.format(time)];
  const isToday = day === days.format(Date.now());
  return [isToday ? hour : `${day}, ${hour}`, `${day}, ${hour}`];
}
