'use strict'
// What pages have learnt since Chromium 83, as far as the interface uses it.

require('./language.cjs')

const { matches } = Element.prototype
Element.prototype.matches = function (selector) {
  return matches.call(this, selector.replace(/:is\(/g, ':-webkit-any('))
}
