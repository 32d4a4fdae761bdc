/** A compiled AssemblyScript module (build/assemblyscript-plugin.ts): the WebAssembly binary in base64. */
declare module '*.as.ts?wasm' {
  const base64: string
  export default base64
}

/** The part of JavaScript's WebAssembly that kernels.ts uses; TypeScript has it only among the browser's types. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array)
  }
  class Instance {
    constructor(module: Module)
    readonly exports: Record<string, unknown>
  }
  interface Memory {
    readonly buffer: ArrayBuffer
    grow(pages: number): number
  }
}
