'use strict'
require('./language.cjs')
require('./node.cjs')
require('./electron.cjs')
require('../out/main/main.cjs')
