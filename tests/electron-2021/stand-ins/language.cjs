'use strict'
// What JavaScript has learnt since V8 8.3 (Node 12, Chromium 83), as far as the program uses it. For both processes.

const copied = (change) =>
  function (...args) {
    const copy = Array.from(this)
    change(copy, args)
    return copy
  }

function at(index) {
  const whole = Math.trunc(index) || 0
  return this[whole < 0 ? this.length + whole : whole]
}

function findLastIndex(test, self) {
  for (let index = this.length - 1; index >= 0; index--) if (test.call(self, this[index], index, this)) return index
  return -1
}

function replaceAll(what, by) {
  if (what instanceof RegExp) return this.replace(what, by)
  return typeof by === 'function'
    ? String(this).replace(new RegExp(what.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'), 'g'), by)
    : this.split(what).join(by)
}

/** Map.groupBy. */
function groupBy(items, keyOf) {
  const groups = new Map()
  let index = 0
  for (const item of items) {
    const key = keyOf(item, index++)
    if (groups.has(key)) groups.get(key).push(item)
    else groups.set(key, [item])
  }
  return groups
}

const arrays = {
  at,
  findLastIndex,
  findLast(test, self) {
    return this[findLastIndex.call(this, test, self)]
  },
  toSorted: copied((copy, [compare]) => copy.sort(compare)),
  toReversed: copied((copy) => copy.reverse()),
  toSpliced: copied((copy, args) => copy.splice(...args)),
  with: copied((copy, [index, value]) => (copy[index < 0 ? copy.length + index : index] = value)),
}

add(Array.prototype, arrays)
add(Object.getPrototypeOf(Uint8Array.prototype), { at })
add(String.prototype, { at, replaceAll })
add(Object, {
  hasOwn: (object, key) => Object.prototype.hasOwnProperty.call(object, key),
  groupBy: (items, keyOf) => Object.assign(Object.create(null), Object.fromEntries(groupBy(items, keyOf))),
})
add(Map, { groupBy })

function add(target, members) {
  for (const [name, value] of Object.entries(members)) {
    if (!(name in target)) Object.defineProperty(target, name, { value, writable: true, configurable: true })
  }
}
