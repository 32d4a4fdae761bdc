// Attacks run against out/, so it has to be what the sources say.
export { build as setup } from '../../scripts/ready.mjs'
