// What no import may do, beside the layers in eslint.config.js: files, and the engine's rooms, import in one direction.
/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-circle-of-files',
      comment: 'Two files that import each other are one file, or something in them belongs into a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-circle-of-rooms',
      comment: 'A room of the engine can be read alone only if what it stands on does not stand on it.',
      severity: 'error',
      scope: 'folder',
      from: { path: '^src-main/engine' },
      to: { circular: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.vue', '.mjs', '.js'] },
  },
}
