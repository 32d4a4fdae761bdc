import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'
import type { CommandInput, CommandName, CommandOutput } from '../../src-main/contract/protocol/commands'
import { toErrorReport, type ErrorReport } from '../../src-main/contract/errors'
import type { AppEvent, NumberedEvent } from '../../src-main/contract/protocol/events'
import type { ComputeState, RecentProject, Snapshot } from '../../src-main/contract/state'
import { useBridge, type Connection } from './bridge'

/** Milliseconds until a host that is connected is asked again for a snapshot that it did not give. */
const RETRY = 500

/** The connection to the host: a snapshot to begin with, then every event once and in order. */
export const useSession = defineStore('session', () => {
  const bridge = useBridge()
  const connection = ref<Connection>('connecting')
  const failure = shallowRef<ErrorReport | null>(null)
  const ready = ref(false)
  const host = ref<Snapshot['host']>('serve')
  const version = ref('')
  const compute = shallowRef<ComputeState>({ state: 'idle', died: null })
  const recent = shallowRef<readonly RecentProject[]>([])
  const snapshotListeners: ((snapshot: Snapshot) => void)[] = []
  const eventListeners: ((event: AppEvent) => void)[] = []
  let sequence = -1
  let waiting: NumberedEvent[] = []
  let loading: Promise<void> | undefined

  function invoke<C extends CommandName>(command: C, input: CommandInput<C>): Promise<CommandOutput<C>> {
    return bridge.client.invoke(command, input)
  }

  async function start(): Promise<void> {
    bridge.onConnection(changeConnection)
    bridge.onMissed(() => void load())
    bridge.client.on(receive)
    await load()
  }

  /** The host that comes back may be another one, whose events have the same numbers: only a snapshot tells its state. */
  function changeConnection(next: Connection): void {
    const isBack = connection.value === 'lost' && next === 'connected'
    connection.value = next
    // A request that is still on its way went to the host before.
    if (isBack) void (loading ? loading.then(load) : load())
  }

  /** Takes a snapshot; events that come meanwhile wait for it. */
  function load(): Promise<void> {
    return (loading ??= takeSnapshot().finally(() => (loading = undefined)))
  }

  async function takeSnapshot(): Promise<void> {
    sequence = -1
    waiting = []
    try {
      const snapshot = await invoke('app.snapshot', {})
      host.value = snapshot.host
      version.value = snapshot.version
      compute.value = snapshot.compute
      recent.value = snapshot.recent
      for (const listener of snapshotListeners) listener(snapshot)
      sequence = snapshot.sequence
      failure.value = null
      ready.value = true
      bridge.connect(sequence)
      const held = waiting
      waiting = []
      held.forEach(receive)
    } catch (error) {
      failure.value = toErrorReport(error)
      // Without a snapshot no event is shown. A lost connection asks by itself once it is back; at the start, a person does.
      if (ready.value && connection.value !== 'lost') setTimeout(() => void load(), RETRY)
    }
  }

  function receive(event: NumberedEvent): void {
    if (sequence < 0) waiting.push(event)
    else if (event.sequence === sequence + 1) {
      sequence = event.sequence
      dispatch(event.event)
    } else if (event.sequence > sequence) void load()
  }

  function dispatch(event: AppEvent): void {
    if (event.type === 'compute') compute.value = event.compute
    for (const listener of eventListeners) listener(event)
  }

  async function refreshRecent(): Promise<void> {
    recent.value = (await invoke('app.snapshot', {})).recent
  }

  return {
    connection,
    failure,
    ready,
    host,
    version,
    compute,
    recent,
    invoke,
    start,
    load,
    refreshRecent,
    pathOf: (file: File) => bridge.pathOf(file),
    onSnapshot: (listener: (snapshot: Snapshot) => void) => void snapshotListeners.push(listener),
    onEvent: (listener: (event: AppEvent) => void) => void eventListeners.push(listener),
  }
})
