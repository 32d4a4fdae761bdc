import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { modelNames } from '../../contract/document/names/model-names'
import { UsageError } from '../output/output'

/** What `[NAME=]PATH[@WEIGHT]` says. */
export interface ModelArgument {
  name?: string
  /** Absolute. */
  path: string
  weight?: number
}

/**
 * Reads `[NAME=]PATH[@WEIGHT]`. A path that exists is a path, whatever characters it has: NAME= and @WEIGHT are split off
 * only as far as they must be.
 * @throws UsageError for a weight that is no number
 */
export function parseModelArgument(text: string): ModelArgument {
  const named = /^([^=/\\]+)=(.+)$/s.exec(text)
  const readings = [{ rest: text }, ...(named ? [{ name: named[1]!, rest: named[2]! }] : [])]
  const found = readings.find(({ rest }) => existsSync(rest))
  if (found) return argumentOf(found)
  const weighed = readings.map((reading) => ({ ...reading, weighed: splitWeight(reading.rest) }))
  const foundWeighed = weighed.find(({ weighed: split }) => split && existsSync(split.path))
  const { weighed: split, ...reading } = foundWeighed ?? weighed.at(-1)!
  if (!split) return argumentOf(reading)
  const weight = Number(split.weight)
  if (split.weight.trim() !== '' && Number.isFinite(weight))
    return { ...argumentOf({ ...reading, rest: split.path }), weight }
  // Where nothing exists, the error of the path says it.
  if (!foundWeighed) return argumentOf(reading)
  throw new UsageError(
    `${text}: ${split.weight === '' ? 'nothing' : split.weight} is not a weight.`,
    'Give a number after @.',
  )
}

/**
 * Names for models that were given without one.
 * @throws UsageError where a name was given twice
 */
export function withNames<Model extends { name?: string; path: string }>(
  models: readonly Model[],
): (Model & { name: string })[] {
  const given = models.flatMap(({ name }) => (name === undefined ? [] : [name]))
  const twice = given.find((name, index) => given.indexOf(name) !== index)
  if (twice !== undefined) throw new UsageError(`Two models are named ${twice}.`, 'Give one another name: NAME=PATH.')
  const names = modelNames(models)
  return models.map((model, index) => ({ ...model, name: names[index]! }))
}

function splitWeight(text: string): { path: string; weight: string } | null {
  const at = text.lastIndexOf('@')
  return at > 0 ? { path: text.slice(0, at), weight: text.slice(at + 1) } : null
}

function argumentOf({ name, rest }: { name?: string; rest: string }): ModelArgument {
  return { ...(name !== undefined && { name }), path: resolve(rest) }
}
