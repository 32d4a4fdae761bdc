/** Modules that PyTorch puts around a network, or around a part of it, to compile, shard or recompute it. */
const MARKED = /(?<=^|\.)(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\./g
/** What all of these contain, and names of weights hardly ever: looking for it takes a tenth of the time. */
const MARKS = ['_mod.', '_module.']
/** Around what several graphics cards train (DataParallel, DistributedDataParallel); other modules may be named so. */
const PARALLEL = /^(?:module\.)+/

/** A tensor's name as it would be if no such module stood around its network. */
export function unwrapped(name: string): string {
  const plain = MARKS.some((mark) => name.includes(mark)) ? name.replace(MARKED, '') : name
  return plain.startsWith('module.') ? plain.replace(PARALLEL, '') : plain
}

/** A tensor's name under the prefix of its network, wrapped or not; undefined where it is not under that prefix. */
export function nameUnder(prefix: string, name: string): string | undefined {
  const plain = unwrapped(name)
  return plain.startsWith(prefix) ? unwrapped(plain.slice(prefix.length)) : undefined
}
