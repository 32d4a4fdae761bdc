// npm run demo: installs and builds what is missing, then runs `featurefusion demo` with the arguments that were given.
import { join } from 'node:path'
import { build, checkNode, installPackages, ROOT, tryRun } from './ready.mjs'

checkNode()
installPackages()
build()
const { status } = tryRun(process.execPath, [join(ROOT, 'out', 'main', 'cli.js'), 'demo', ...process.argv.slice(2)])
process.exit(status ?? 1)
