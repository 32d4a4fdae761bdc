import { resolve } from 'node:path'
import type { Command } from 'commander'
import {
  SCORER_DESCRIPTIONS,
  scorerFilesSchema,
  type ScorerFiles,
  type ScorerName,
} from '../../contract/evaluate/scores/scorers'

/** Where the files of scorers lie. */
export interface ScorerOptions {
  clip?: string
  imageReward?: string
  pickScore?: string
  hps?: string
  aesthetic?: string
  aestheticClip?: string
}

/** Options of every scorer. @param clip what a CLIP model is for, in words */
export function addScorerOptions(command: Command, clip = ''): Command {
  const words = (name: ScorerName): string => `${SCORER_DESCRIPTIONS[name].label}: ${SCORER_DESCRIPTIONS[name].files}`
  return command
    .option('--clip <dir>', `${words('clip')}${clip}`)
    .option('--image-reward <dir>', words('image-reward'))
    .option('--pick-score <dir>', words('pick-score'))
    .option('--hps <file>', words('hps'))
    .option('--aesthetic <file>', words('aesthetic'))
    .option('--aesthetic-clip <dir>', "the CLIP model of --aesthetic (default: --clip's)")
}

/** The files that a command line names; of the others, what is given here. */
export function scorerFilesOf(options: ScorerOptions, others: ScorerFiles = scorerFilesSchema.parse({})): ScorerFiles {
  const or = (path: string | undefined, other: string | null): string | null =>
    path === undefined ? other : resolve(path)
  return {
    clip: or(options.clip, others.clip),
    'image-reward': or(options.imageReward, others['image-reward']),
    'pick-score': or(options.pickScore, others['pick-score']),
    hps: or(options.hps, others.hps),
    aesthetic: or(options.aesthetic, others.aesthetic),
    aestheticClip: or(options.aestheticClip, others.aestheticClip),
  }
}
