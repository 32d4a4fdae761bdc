import { sep } from 'node:path'

/** Whether a path is `folder` or lies below it; both absolute and without links. */
export function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep)
}
