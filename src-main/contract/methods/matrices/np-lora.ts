import type { MethodDescriptor, Parameter } from '../descriptor'
import { SCALE } from '../parameters'

const PROJECTION = {
  kind: 'choice',
  key: 'projection',
  label: 'Projection',
  hint: 'How much of the first specialist is taken out of the second one’s directions.',
  help: "how much of the first specialist is taken out of the second one's directions",
  default: 'soft',
  choices: [
    { value: 'soft', hint: 'A part of it, as the strength says.' },
    { value: 'hard', hint: 'All of it.' },
  ],
} as const satisfies Parameter

const STRENGTH = {
  kind: 'number',
  key: 'projectionStrength',
  label: 'Strength',
  hint: 'A strength of s takes s / (1 + s) out: 0.5 takes a third.',
  help: 'strength s of the soft projection, which takes s / (1 + s) out',
  default: 0.5,
  range: { min: 0, max: 1e6 },
  offered: { min: 0, max: 5 },
  step: 0.1,
  when: { key: 'projection', is: 'soft' },
} as const satisfies Parameter

const DIRECTIONS = {
  kind: 'integer',
  key: 'styleDirections',
  label: 'Directions',
  hint: 'How many of the second specialist’s strongest directions are kept free; 0: all that it has, which is its rank.',
  help: "how many of the second specialist's strongest directions are kept free; 0: as many as its rank",
  default: 0,
  range: { min: 0, max: 65_536 },
  offered: { min: 0, max: 512 },
  step: 1,
} as const satisfies Parameter

export const npLora = {
  name: 'np-lora',
  title: 'Null-space projection',
  summary: 'Adds a content and a style, the content without what lies in the style’s directions.',
  reference: { title: 'NP-LoRA: Null Space Projection Unifies Subject and Style in LoRA Fusion', arxiv: '2511.11051' },
  family: 'directions',
  kind: 'matrix',
  result: { kind: 'changes', addedTo: 0 },
  specialists: { least: 2, most: 2 },
  needs: null,
  parameters: [PROJECTION, STRENGTH, DIRECTIONS, SCALE],
  leaderboard: [],
} as const satisfies MethodDescriptor
