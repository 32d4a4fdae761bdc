/** The path of a file that the build copies beside the program (electron-vite's `?asset`). */
declare module '*?asset' {
  const path: string
  export default path
}
