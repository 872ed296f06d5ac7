/** An id that no other client and no reload of this page has: 64 random bits in hexadecimal. */
export function freshId(prefix: string): string {
  // Not `randomUUID`, which browsers keep from pages without TLS.
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return prefix + Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
