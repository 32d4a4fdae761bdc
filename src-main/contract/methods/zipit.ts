import type { MethodDescriptor, Parameter } from './descriptor'

const REPEAT = {
  kind: 'number',
  key: 'repeat',
  label: 'Repeated pairs',
  hint: 'The part of its similarity that a feature keeps once it is paired (alpha in the paper). At 1 many features may become one.',
  help: "part of its similarity that a paired feature keeps (ZipIt!'s alpha)",
  default: 0.3,
  range: { min: 0, max: 1, isAboveMin: true },
  step: 0.1,
  control: 'slider',
} as const satisfies Parameter

const WITHIN = {
  kind: 'number',
  key: 'within',
  label: 'Pairs within a model',
  hint: 'The part of the pairs that may be of two features of one model (beta in the paper). One of each layer always may.',
  help: "part of the pairs that may be within one model (ZipIt!'s beta)",
  default: 0.125,
  range: { min: 0, max: 1 },
  step: 0.025,
  control: 'slider',
} as const satisfies Parameter

const DEPTH = {
  kind: 'number',
  key: 'depth',
  label: 'Depth',
  hint: 'The part of the network, from its input on, whose features are paired. In the rest each is paired with the one in its place, as in a plain average.',
  help: 'part of the network, from its input on, whose features are paired; the rest is averaged',
  default: 1,
  range: { min: 0, max: 1 },
  step: 0.05,
  control: 'slider',
} as const satisfies Parameter

export const zipit = {
  name: 'zipit',
  title: 'ZipIt!, hidden features',
  summary:
    'Averages features of base and specialist that are alike on real inputs, wherever they lie in the hidden layers; both models count the same.',
  reference: { title: 'ZipIt! Merging Models from Different Tasks without Training', arxiv: '2305.03053' },
  family: 'features',
  kind: 'linear',
  result: { kind: 'average', base: 'weighed' },
  specialists: { least: 1, most: 1 },
  needs: { kind: 'columns', advice: "Features are compared on the base's inputs in the calibration data." },
  parameters: [REPEAT, WITHIN, DEPTH],
  leaderboard: [{ name: 'ZipIt!' }],
} as const satisfies MethodDescriptor
