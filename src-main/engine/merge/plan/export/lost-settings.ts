import { isDenoiser } from '../../../../contract/values/denoisers'
import { DENOISER_GRAPHS } from '../../../architecture/denoiser-graphs'
import { inferConfig } from '../../../checkpoint/identify/infer-config'
import type { Checkpoint } from '../../../checkpoint/model/checkpoint'

/**
 * What is said where a folder becomes a single file, which has no config.json: programs take the published models'
 * settings, and a network that has others is then another network.
 */
export function lostSettings({ path, components, architecture }: Checkpoint): string[] {
  return [...components.values()].flatMap((component) => {
    const { name, config, isConfigInferred } = component
    if (!isDenoiser(name) || !config || isConfigInferred) return []
    const inferred = inferConfig(component, architecture)
    if (!inferred || isSame(DENOISER_GRAPHS[name].readConfig, config, inferred)) return []
    return [
      `A single file holds no config.json: the ${name} of ${path} has settings of its own, such as its number of ` +
        'attention heads, and will draw otherwise where the file is read. Write a diffusers folder instead.',
    ]
  })
}

/** Whether two config.json make the same network; one that no network can be made of is not told of here. */
function isSame<Config>(
  read: (json: Record<string, unknown>) => Config,
  ...configs: Record<string, unknown>[]
): boolean {
  try {
    const [one, other] = configs.map((config) => JSON.stringify(read(config)))
    return one === other
  } catch {
    return true
  }
}
