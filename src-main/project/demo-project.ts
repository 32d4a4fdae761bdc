import { projectSchema, type Project } from '../contract/document/project'
import { findDemoFamily } from '../engine/evaluate/data/demo-family'

const SEEDS = [1]

/**
 * The project that shows a shipped family: all its models, its prompts, and the pictures that measure it. Everything
 * comes from the family's files: another family takes its place without a change here.
 * @throws FusionError 'not-found', 'malformed'
 */
export async function demoProject(folder: string): Promise<Project> {
  const { base, specialists, prompts, split } = await findDemoFamily(folder)
  return projectSchema.parse({
    format: 'featurefusion-project',
    version: 1,
    models: [base, ...specialists],
    preview: { prompts, seeds: SEEDS },
    evaluation: { split },
  })
}
