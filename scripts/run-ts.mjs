// Runs a TypeScript entry of this repository (tests, benchmarks) through Vite's own module runner, so that it sees the
// same imports as the build: node scripts/run-ts.mjs FILE [ARGUMENT …]
import { resolve } from 'node:path'
import { runnerImport } from 'vite'

const [file, ...args] = process.argv.slice(2)
const { module: config } = await runnerImport(resolve('build/assemblyscript-plugin.ts'))
process.argv = [process.argv[0], resolve(file), ...args]
await runnerImport(resolve(file), { plugins: [config.assemblyscript()], logLevel: 'error' })
