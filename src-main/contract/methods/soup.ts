import type { MethodDescriptor } from './descriptor'

/** The leaderboard's name of the soup of equal weights, which every other method has to beat. */
export const PLAIN_AVERAGE = 'plain average'

export const soup = {
  name: 'soup',
  title: 'Soup',
  summary: 'The weighted mean of the base and all specialists.',
  reference: {
    title: 'Diffusion Soup: Model Merging for Text-to-Image Diffusion Models',
    arxiv: '2406.08431',
  },
  family: 'averages',
  kind: 'linear',
  result: { kind: 'average', base: 'weighed' },
  specialists: { least: 1, most: Infinity },
  needs: null,
  parameters: [],
  leaderboard: [{ name: PLAIN_AVERAGE }],
} as const satisfies MethodDescriptor
