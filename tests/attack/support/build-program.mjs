// Attacks run against out/, so it has to be what the sources say.
import { build, packagesAreInstalled } from '../../../scripts/ready.mjs'

export function setup() {
  // `npm start`, which is attacked too, would replace the packages under the tests that run.
  if (!packagesAreInstalled()) throw new Error('The packages are older than package-lock.json. Run npm ci first.')
  build()
}
