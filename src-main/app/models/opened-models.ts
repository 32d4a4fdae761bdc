import type { Adapter } from '../../engine/adapters/adapter-file'
import type { Checkpoint } from '../../engine/checkpoint/model/checkpoint'
import { checkpointState } from '../../engine/checkpoint/checkpoint-state'
import { isProjectPath } from '../../contract/document/names/model-names'
import { openEither } from '../../engine/merge/open-model'

/** Longer than the commands that one change of the interface sends are apart. */
const KEPT_MS = 5000

interface Opening {
  state: string
  checkpoint: Promise<Checkpoint | Adapter>
}

/**
 * Opens models and adapters for commands that come together, the headers of each once: a model's card asks what it is, whether it
 * fits, and for its layers. What has changed on the disk is opened again.
 */
export class OpenedModels {
  private readonly openings = new Map<string, Opening>()

  /** @throws what openEither throws */
  async open(path: string): Promise<Checkpoint | Adapter> {
    // A project's model depends on files elsewhere.
    const state = isProjectPath(path) ? null : await checkpointState(path)
    if (state === null) return openEither(path)
    const before = this.openings.get(path)
    if (before?.state === state) return before.checkpoint
    const opening = { state, checkpoint: openEither(path) }
    this.openings.set(path, opening)
    const forget = (): void => {
      if (this.openings.get(path) === opening) this.openings.delete(path)
    }
    opening.checkpoint.then(() => setTimeout(forget, KEPT_MS).unref(), forget)
    return opening.checkpoint
  }
}
