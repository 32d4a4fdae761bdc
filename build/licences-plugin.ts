import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Plugin } from 'vite'
import { licenceNotices, type ShippedPackage } from './licence-notices'

/** What the notices are called, in the built interface as well: both hosts show them. */
const NOTICES_FILE = 'third-party.txt'

/** A package of which something is in the bundle, though no module of it has the package's path. */
const MADE_BY: readonly [RegExp, string][] = [
  [/\.as\.ts\?wasm$/, 'assemblyscript'],
  [/^\0?(vite|rolldown)\//, 'vite'],
  [/plugin-vue:export-helper$/, '@vitejs/plugin-vue'],
]

/**
 * Collects the licences of all that ships: packages of which something is in a bundle, and production dependencies, which
 * are packaged as they are. One collection goes through all builds; the last of them writes the notices.
 */
export class ShippedPackages {
  private readonly folders = new Set<string>()

  constructor(private readonly root: string) {
    for (const folder of productionFolders(root)) this.folders.add(folder)
  }

  /** For every build: notes the packages of its bundle. */
  note(): Plugin {
    return {
      name: 'note-shipped-packages',
      generateBundle: (_options, bundle) => {
        for (const part of Object.values(bundle))
          if (part.type === 'chunk') for (const id of Object.keys(part.modules)) this.noteModule(id)
      },
    }
  }

  /** For the last build: writes the notices of all builds, into the interface and beside it (for packages). */
  write(): Plugin {
    return {
      name: 'write-licence-notices',
      writeBundle: ({ dir }) => {
        const notices = licenceNotices([...this.folders].map((folder) => readPackage(this.root, folder)))
        for (const folder of [dir!, join(this.root, 'out')]) writeFileSync(join(folder, NOTICES_FILE), notices)
      },
    }
  }

  private noteModule(id: string): void {
    const [, folder] = /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)/.exec(id.replaceAll('\\', '/')) ?? []
    if (folder !== undefined) this.folders.add(folder)
    for (const [pattern, name] of MADE_BY) if (pattern.test(id)) this.folders.add(join(this.root, 'node_modules', name))
  }
}

/** Folders of all packages that npm installs for production, by the lock file. */
export function productionFolders(root: string): string[] {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean; peer?: boolean }>
  }
  return Object.entries(packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional)
    .map(([path]) => join(root, path))
    .filter((folder) => existsSync(folder))
}

function readPackage(root: string, folder: string): ShippedPackage {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const own = join(root, 'build', 'licences')
  const texts = [
    ...licenceFiles(folder).map((file) => join(folder, file)),
    // What the package's makers publish elsewhere.
    ...licenceFiles(own, name.replace('/', '+')).map((file) => join(own, file)),
  ]
  return { name, version, licence: license, texts: texts.map((path) => readFileSync(path, 'utf8')) }
}

function licenceFiles(folder: string, start = '(licen[cs]e|copying|notice)'): string[] {
  return readdirSync(folder)
    .filter((file) => new RegExp(`^${start}([.-].*)?$`, 'i').test(file) && !/\.(js|json|ts)$/i.test(file))
    .sort()
}
