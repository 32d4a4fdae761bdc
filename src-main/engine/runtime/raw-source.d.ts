/** The text of a file (Vite's `?raw`). */
declare module '*?raw' {
  const text: string
  export default text
}
