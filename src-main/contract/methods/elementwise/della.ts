import type { MethodDescriptor, Parameter } from '../descriptor'
import { DENSITY, RESCALE, SCALE, SEED } from '../parameters'

const CHANCE_SPREAD = {
  kind: 'number',
  key: 'chanceSpread',
  label: 'Spread of chances',
  hint: 'How much more likely the largest changes of a row stay, and the smallest go (epsilon in the paper). Chances are held between 0 and 1.',
  help: "how much more likely the largest changes of a row stay, and the smallest go (the paper's epsilon)",
  default: 0.15,
  range: { min: 0, max: 0.5 },
  step: 0.05,
} as const satisfies Parameter

export const della = {
  name: 'della',
  title: 'DELLA',
  summary:
    'Drops random changes of each specialist, small ones more likely, and averages those of the rest that agree in sign.',
  reference: {
    title: 'DELLA-Merging: Reducing Interference in Model Merging through Magnitude-Based Sampling',
    arxiv: '2406.11617',
  },
  family: 'selection',
  kind: 'elementwise',
  result: { kind: 'changes', addedTo: 0 },
  specialists: { least: 1, most: Infinity },
  needs: null,
  parameters: [DENSITY, CHANCE_SPREAD, RESCALE, SCALE, SEED],
  leaderboard: [{ name: 'DELLA' }],
} as const satisfies MethodDescriptor
