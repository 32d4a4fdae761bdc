import type { MethodDescriptor, Parameter } from '../descriptor'
import { SCALE } from '../parameters'

const LEAST_CHANGE = {
  kind: 'number',
  key: 'leastChange',
  label: 'Least change',
  hint: 'An entry has changed where it differs from the base by more than this.',
  help: 'an entry has changed where it differs from the base by more than this',
  default: 1e-5,
  range: { min: 0, max: 1 },
  step: 1e-5,
} as const satisfies Parameter

const BOOST = {
  kind: 'number',
  key: 'boost',
  label: 'Boost',
  hint: 'RAM+: how much stronger a specialist’s own entries become where it shares many others. 0: RAM.',
  help: "how much stronger a specialist's own entries become where it shares many others (RAM+); 0: RAM",
  default: 0,
  range: { min: 0, max: 10 },
  step: 0.1,
} as const satisfies Parameter

const BOOST_LIMIT = {
  kind: 'number',
  key: 'boostLimit',
  label: 'Limit of the boost',
  hint: 'The largest ratio of shared to own entries that counts.',
  help: 'the largest ratio of shared to own entries that counts for the boost',
  default: 0.2,
  range: { min: 0, max: 1000 },
  step: 0.1,
} as const satisfies Parameter

export const ram = {
  name: 'ram',
  title: 'RAM',
  summary: 'Adds in full what one specialist alone has changed, and the mean where several have.',
  reference: { title: 'Behavior Knowledge Merge in Reinforced Agentic Models', arxiv: null },
  family: 'selection',
  kind: 'elementwise',
  result: { kind: 'changes', addedTo: 0 },
  specialists: { least: 1, most: Infinity },
  needs: null,
  parameters: [LEAST_CHANGE, BOOST, BOOST_LIMIT, SCALE],
  leaderboard: [{ name: 'RAM' }, { name: 'RAM+', settings: { boost: 0.1 } }],
} as const satisfies MethodDescriptor
