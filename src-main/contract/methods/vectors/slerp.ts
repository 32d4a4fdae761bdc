import type { MethodDescriptor, Parameter } from '../descriptor'
import { AXIS } from './axis'

const FORM = {
  kind: 'choice',
  key: 'slerpForm',
  label: 'Form',
  hint: 'Whose definition is followed.',
  help: 'whose definition of SLERP is followed',
  default: 'sd-mecha',
  choices: [
    { value: 'sd-mecha', hint: 'As in sd-mecha: turns the direction, and interpolates the length by itself.' },
    { value: 'mergekit', hint: 'As in mergekit: turns the vectors as they are; nearly parallel ones are averaged.' },
    { value: 'nuslerp', hint: 'As mergekit’s NuSLERP without a base: also by rows or columns.' },
  ],
} as const satisfies Parameter

export const slerp = {
  name: 'slerp',
  title: 'SLERP',
  summary: 'Turns from the base to one specialist along an arc, as far as its weight says.',
  reference: { title: 'Animating Rotation with Quaternion Curves (SIGGRAPH 1985)', arxiv: null },
  family: 'spheres',
  kind: 'vector',
  result: { kind: 'average', base: 'rest' },
  specialists: { least: 1, most: 1 },
  needs: null,
  parameters: [FORM, { ...AXIS, when: { key: 'slerpForm', is: 'nuslerp' } }],
  leaderboard: [{ name: 'SLERP, half base', totalWeight: 0.5 }],
} as const satisfies MethodDescriptor
