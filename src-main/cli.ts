#!/usr/bin/env node
import { fileURLToPath } from 'node:url'
import { CommanderError } from 'commander'
import { EXIT } from './cli/output/output'
import { createProgram } from './cli/program'
import { computeLayersIn } from './engine/merge/chains/layer-thread'

/** Relative to the built file. */
const resource = (path: string): string => fileURLToPath(new URL(`../../resources/${path}`, import.meta.url))

const workerFile = new URL('./tensor-worker.js', import.meta.url)
computeLayersIn(workerFile)

const program = createProgram({
  workerFile,
  clipVocabulary: resource('clip/bpe_simple_vocab_16e6.txt.gz'),
  demoFolder: resource('demo'),
  builtFolder: new URL('./', import.meta.url),
})

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage
}
