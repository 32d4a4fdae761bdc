import type { MethodDescriptor } from '../descriptor'
import { DENSITY, RESCALE, SCALE, SEED } from '../parameters'

export const dare = {
  name: 'dare',
  title: 'DARE',
  summary: 'Drops random changes of each specialist, scales up the rest and adds them to the base.',
  reference: {
    title: 'Language Models are Super Mario: Absorbing Abilities from Homologous Models as a Free Lunch',
    arxiv: '2311.03099',
  },
  family: 'selection',
  kind: 'elementwise',
  result: { kind: 'changes', addedTo: 0 },
  specialists: { least: 1, most: Infinity },
  needs: null,
  parameters: [DENSITY, RESCALE, SCALE, SEED],
  leaderboard: [],
} as const satisfies MethodDescriptor
