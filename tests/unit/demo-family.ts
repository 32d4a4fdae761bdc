import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { findDemoFamily } from '../../src-main/engine/evaluate/data/demo-family'
import { describeEvaluationSet, promptsOf } from '../../src-main/engine/evaluate/data/evaluation-set'

export const DEMO = resolve('resources/demo')

/** The shipped family; tests know nothing about it but what its files say. */
export const family = await findDemoFamily(DEMO)

/** The base's folder, then those around the specialists' UNets. */
export const familyFolders = [family.base.path, ...family.specialists.map(({ path }) => dirname(path))]

/** A few of the family's own prompts. */
export const prompts = promptsOf(await describeEvaluationSet(family.evaluation), 4)

/** Copies the family's evaluation data of a few domains alone, for tests whose time is that of measuring. */
export function copyEvaluation(folder: string, domains: readonly string[]): string {
  const set = JSON.parse(readFileSync(join(family.evaluation, 'evaluation.json'), 'utf8')) as {
    domains: Record<string, { file: string }>
  }
  const own = Object.fromEntries(domains.map((name) => [name, set.domains[name]!]))
  for (const { file } of Object.values(own)) copyFileSync(join(family.evaluation, file), join(folder, file))
  writeFileSync(join(folder, 'evaluation.json'), JSON.stringify({ ...set, domains: own }))
  return folder
}
