import { dirname, resolve } from 'node:path'
import { findDemoFamily } from '../../src-main/engine/evaluate/data/demo-family'
import { describeEvaluationSet, promptsOf } from '../../src-main/engine/evaluate/data/evaluation-set'

export const DEMO = resolve('resources/demo')

/** The shipped family; tests know nothing about it but what its files say. */
export const family = await findDemoFamily(DEMO)

/** The base's folder, then those around the specialists' UNets. */
export const familyFolders = [family.base.path, ...family.specialists.map(({ path }) => dirname(path))]

/** A few of the family's own prompts. */
export const prompts = promptsOf(await describeEvaluationSet(family.evaluation), 4)
