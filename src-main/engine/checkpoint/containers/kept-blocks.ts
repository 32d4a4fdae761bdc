interface Block {
  index: number
  memory: Uint8Array
}

/** Checked blocks of tensors, the one read last of each; the oldest go when they take more than so many bytes. */
export class KeptBlocks {
  private readonly blocks = new Map<string, Block>()
  private bytes = 0

  constructor(private readonly mostBytes: number) {}

  /** A tensor's block, if it is the one that is kept. */
  find(tensor: string, index: number): Uint8Array | undefined {
    const kept = this.blocks.get(tensor)
    return kept?.index === index ? kept.memory : undefined
  }

  /**
   * Memory of `byteLength` for a tensor's next block, that of its last one where it is kept: fresh memory for every block
   * would cost more time than its checksum. Nothing is kept of the tensor until `keep`.
   */
  memoryFor(tensor: string, byteLength: number): Uint8Array {
    const memory = this.blocks.get(tensor)?.memory ?? new Uint8Array(byteLength)
    this.forget(tensor)
    while (this.blocks.size > 0 && this.bytes + memory.byteLength > this.mostBytes)
      this.forget(this.blocks.keys().next().value!)
    return memory
  }

  keep(tensor: string, block: Block): void {
    this.blocks.set(tensor, block)
    this.bytes += block.memory.byteLength
  }

  private forget(tensor: string): void {
    this.bytes -= this.blocks.get(tensor)?.memory.byteLength ?? 0
    this.blocks.delete(tensor)
  }
}
