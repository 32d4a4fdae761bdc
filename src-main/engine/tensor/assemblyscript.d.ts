/** A compiled AssemblyScript module (build/assemblyscript-plugin.ts): the WebAssembly binary in base64. */
declare module '*.as' {
  const base64: string
  export default base64
}
declare module '*.as.ts' {
  const base64: string
  export default base64
}
