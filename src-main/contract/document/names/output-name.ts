import { FusionError } from '../../errors'

const SAFETENSORS = /\.(safetensors|sft)$/i
/** Endings by which programs expect a PyTorch pickle. */
const PICKLE = /\.(ckpt|pt|pth|bin|pkl)$/i
/** `out/`, `.`, `out/..` */
const FOLDER = /[\\/]\.{0,2}$|^\.{1,2}$/

/** @throws FusionError 'target' for an ending that promises another format */
export function refusePickleEnding(path: string, suggested = '.safetensors'): void {
  const ending = PICKLE.exec(path)?.[0]
  if (ending === undefined) return
  throw new FusionError('target', `${path} would not be a PyTorch file, which ${ending} stands for.`, {
    hint: `Models and adapters are written as safetensors: name it ${path.slice(0, -ending.length)}${suggested}.`,
  })
}

/**
 * The name under which a model or an adapter is written: a single file ends in `.safetensors`, so that every program knows what it is.
 * @throws FusionError 'target' for an ending that promises another format, and where a file gets the name of a folder, or
 * a folder that of a file
 */
export function outputName(path: string, isFolder: boolean): string {
  refusePickleEnding(path, isFolder ? '' : '.safetensors')
  const isNameOfFile = SAFETENSORS.test(path)
  if (isFolder && isNameOfFile) {
    throw new FusionError('target', `${path} names a file; a folder in the layout of diffusers is to be written.`, {
      hint: `Write a single file (--layout single-file), or name the folder ${path.replace(SAFETENSORS, '')}.`,
    })
  }
  if (isFolder || isNameOfFile) return path
  if (FOLDER.test(path)) {
    throw new FusionError('target', `${path} names a folder; a file is to be written.`, { hint: 'Name a file in it.' })
  }
  return `${path}.safetensors`
}
