/** Memory for float32 values that is used again: fresh memory would cost as much time as what is written there. */
export class KeptFloats {
  private memory = new Float32Array(0)

  /** Room for `count` values, which stand until the next call. */
  of(count: number): Float32Array<ArrayBuffer> {
    if (this.memory.length < count) this.memory = new Float32Array(count)
    return this.memory.subarray(0, count)
  }
}
