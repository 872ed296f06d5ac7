import { defineConfig } from 'vitest/config';

/** The oldest Vue that the package takes, in place of the newest. */
const alias = [
  { find: /^vue$/, replacement: 'vue-3.3' },
  { find: /^vue\/server-renderer$/, replacement: 'vue-3.3/server-renderer' },
];

export default defineConfig({
  test: {
    unstubGlobals: true,
    projects: [
      { extends: true, test: { name: 'all', include: ['test/**/*.test.{ts,tsx}'] } },
      {
        extends: true,
        resolve: { alias },
        test: { name: 'Vue 3.3', include: ['test/frameworks.test.ts'] },
      },
    ],
  },
});
