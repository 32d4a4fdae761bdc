// node --import: `electron` is electron-module.mjs.
import { register } from 'node:module'

const stands = JSON.stringify(new URL('./electron-module.mjs', import.meta.url).href)
const hook = `export const resolve = (specifier, context, next) =>
  specifier === 'electron' ? { url: ${stands}, shortCircuit: true } : next(specifier, context)`
register(`data:text/javascript,${encodeURIComponent(hook)}`)
