import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import type { CommandOutput } from '../../../src-main/contract/protocol/commands'
import { toErrorReport, type ErrorReport } from '../../../src-main/contract/errors'
import {
  filterLibrary,
  isHashable,
  isMergeable,
  sortLibrary,
  type BaseFamily,
  type LibraryEntry,
  type LibraryKind,
  type LibrarySort,
} from '../../../src-main/contract/library'
import { asName, MOST_MODELS } from '../../../src-main/contract/values/limits'
import { useSession } from '../../bridge/session-store'
import { useNotices } from '../../shared/notices/notices-store'
import { useFileDialog } from '../files/file-dialog-store'
import { useModels } from '../models/models-store'
import { useProject } from '../project/project-store'
import { useSettings } from '../settings/settings-store'

type Listing = CommandOutput<'library.list'>

/** The model library: what lies in the folders of the settings, and what of it is chosen to be added. */
export const useLibrary = defineStore('library', () => {
  const session = useSession()
  const notices = useNotices()
  const files = useFileDialog()
  const models = useModels()
  const project = useProject()
  const settings = useSettings()
  const open = ref(false)
  const loading = ref(false)
  const listing = shallowRef<Listing | null>(null)
  const error = shallowRef<ErrorReport | null>(null)
  const search = ref('')
  const kind = ref<LibraryKind | 'all'>('all')
  const base = ref<BaseFamily | 'unknown' | 'all'>('all')
  const sort = ref<LibrarySort>('name')
  const chosen = ref(new Set<string>())
  /** Files that are still to be hashed. */
  const hashing = ref(0)
  let asked = 0

  const folders = computed(() => settings.settings?.modelFolders ?? [])
  const shown = computed(() => {
    const kinds = kind.value === 'all' ? [] : [kind.value]
    const bases = base.value === 'all' ? [] : [base.value === 'unknown' ? null : base.value]
    return sortLibrary(filterLibrary(listing.value?.entries ?? [], { search: search.value, kinds, bases }), sort.value)
  })
  const paths = computed(() => new Set(project.models.map(({ path }) => path)))
  const chosenEntries = computed(() => (listing.value?.entries ?? []).filter(({ path }) => chosen.value.has(path)))
  const unhashed = computed(() => shown.value.filter((entry) => isHashable(entry) && entry.sha256 === null))
  /** Why what is chosen cannot be added; null where it can. */
  const hindrance = computed(() => {
    if (project.models.length + chosen.value.size > MOST_MODELS) return `A project has at most ${MOST_MODELS} models.`
    const needsBase = project.models.length === 0 && models.addingAs === 'base'
    const isBaseless = needsBase && chosenEntries.value.every((entry) => entry.kind === 'adapter')
    return isBaseless && chosen.value.size > 0 ? 'An adapter needs a base: choose a checkpoint, too.' : null
  })

  session.onEvent((event) => {
    if (event.type !== 'library-hashes' || !listing.value) return
    hashing.value = event.waiting
    const found = new Map(event.hashes.map((hash) => [hash.path, hash]))
    const entries = listing.value.entries.map((entry) => {
      const hash = found.get(entry.path)
      return hash ? { ...entry, sha256: hash.sha256, shortHash: hash.shortHash } : entry
    })
    listing.value = { ...listing.value, entries }
  })

  async function show(): Promise<void> {
    chosen.value = new Set()
    open.value = true
    await load()
  }

  async function load(): Promise<void> {
    const mine = ++asked
    loading.value = true
    error.value = null
    try {
      const found = await session.invoke('library.list', {})
      if (mine === asked) listing.value = found
    } catch (cause) {
      if (mine === asked) error.value = toErrorReport(cause)
    } finally {
      if (mine === asked) loading.value = false
    }
  }

  async function setFolders(modelFolders: string[]): Promise<void> {
    await settings.set({ modelFolders })
    await load()
  }

  async function addFolder(path?: string): Promise<void> {
    const folder = path ?? (await files.choose('folder', 'Add a folder of models'))[0]
    if (folder !== undefined && !folders.value.includes(folder)) await setFolders([...folders.value, folder])
  }

  async function removeFolder(path: string): Promise<void> {
    await setFolders(folders.value.filter((folder) => folder !== path))
  }

  function isInProject({ path, target }: LibraryEntry): boolean {
    return paths.value.has(path) || (target !== null && paths.value.has(target))
  }

  function canChoose(entry: LibraryEntry): boolean {
    return isMergeable(entry) && !isInProject(entry)
  }

  function toggle(entry: LibraryEntry): void {
    if (!canChoose(entry)) return
    const next = new Set(chosen.value)
    if (!next.delete(entry.path)) next.add(entry.path)
    chosen.value = next
  }

  /** In a project without models the first one becomes the base, which no adapter can be. */
  function add(): void {
    const adapters = chosenEntries.value.filter(({ kind }) => kind === 'adapter')
    const others = chosenEntries.value.filter(({ kind }) => kind !== 'adapter')
    // Files of Hugging Face's cache are links to names that say nothing.
    models.addNamed(
      [...others, ...adapters].map(({ path, name, target }) => ({
        path,
        ...(target !== null && { name: asName(name) }),
      })),
    )
    open.value = false
  }

  async function addFiles(areFolders: boolean): Promise<void> {
    const before = project.models.length
    await models.browse(areFolders)
    await project.settled()
    if (project.models.length > before) open.value = false
  }

  async function hash(): Promise<void> {
    const wanted = unhashed.value.map(({ path }) => path)
    const started = await notices.attempt(() => session.invoke('library.hash', { paths: wanted }))
    if (started) hashing.value = wanted.length
  }

  async function stopHashing(): Promise<void> {
    await notices.attempt(() => session.invoke('library.hash', { paths: [] }))
    hashing.value = 0
  }

  return {
    ...{
      open,
      loading,
      listing,
      error,
      search,
      kind,
      base,
      sort,
      chosen,
      hashing,
      folders,
      shown,
      unhashed,
      hindrance,
    },
    ...{ show, load, addFolder, removeFolder, isInProject, canChoose, toggle, add, addFiles, hash, stopHashing },
  }
})
