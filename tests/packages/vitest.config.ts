import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** The layouts of packages, made with a stand-in for Electron's binary (`npm run test:packages`). */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['tests/packages/**/*.test.ts'],
    globalSetup: ['tests/attack/support/build-program.mjs'],
    // Only what hangs: a busy machine is slow, not wrong.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: 'forks',
    // electron-builder says what it does.
    silent: 'passed-only',
    // Both cores are busy with one package already.
    fileParallelism: false,
  },
})
