import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** The window in an Electron of 2021, with stand-ins for what it lacks (`npm run test:electron-2021`). */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['tests/electron-2021/**/*.test.ts'],
    globalSetup: ['tests/attack/support/build-program.mjs', 'tests/electron-2021/install-packages.mjs'],
    // Only what hangs: a busy machine is slow, not wrong.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 20_000 } },
    pool: 'forks',
    fileParallelism: false,
  },
})
