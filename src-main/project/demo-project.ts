import { projectSchema, type Project } from '../contract/document/project'
import { findDemoFamily } from '../engine/evaluate/data/demo-family'
import { describeEvaluationSet, promptsOf } from '../engine/evaluate/data/evaluation-set'

const PROMPTS = 2
const SEEDS = [1, 2]

/**
 * The project that shows a shipped family: all its models, and prompts from what it is evaluated on. Everything comes
 * from the family's files: another family takes its place without a change here.
 * @throws FusionError 'not-found', 'malformed'
 */
export async function demoProject(folder: string): Promise<Project> {
  const { base, specialists, evaluation } = await findDemoFamily(folder)
  const prompts = promptsOf(await describeEvaluationSet(evaluation), PROMPTS)
  return projectSchema.parse({
    format: 'featurefusion-project',
    version: 1,
    models: [base, ...specialists],
    preview: { prompts, seeds: SEEDS },
  })
}
