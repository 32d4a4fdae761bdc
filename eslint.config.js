import js from '@eslint/js'
import vue from 'eslint-plugin-vue'
import tseslint from 'typescript-eslint'

/** Imports that a folder must not have, with the reason (docs/adr/0001-layers-and-processes.md). */
const forbid = (files, patterns, ignores = []) => ({
  files,
  ignores,
  rules: { 'no-restricted-imports': ['error', { patterns }] },
})

const electron = { regex: '^electron$', message: 'Only desktop/, main.ts and preload.ts know Electron.' }
const http = { regex: '^node:https?$', message: 'Only server/ knows HTTP.' }
const runtime = { regex: '^onnxruntime-node$', message: 'Only engine/runtime/onnxruntime.ts loads it.' }
const hosts = { regex: '/(app|desktop|server|cli)(/|$)', message: 'Only hosts and command line know these.' }
const project = { regex: '/project/', message: 'The engine is a library: it knows no project file.' }
const mainProcess = {
  regex: 'src-main/(?!contract/)',
  message: 'The renderer knows the main process by its contract alone.',
}

const readers = {
  selector:
    'ImportDeclaration[source.value=/^node:fs/] > ImportSpecifier[imported.name=/^(readFile|readFileSync|createReadStream)$/]',
  message: 'Files are read by engine/files, which refuses pipes, devices and what is too large.',
}

export default tseslint.config(
  { ignores: ['out/', 'dist/', 'node_modules/', 'resources/demo/', 'tests/golden/', '**/*.as.ts', 'test-results/'] },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  ...vue.configs['flat/recommended'],
  {
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-console': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
    },
  },
  { files: ['**/*.ts', '**/*.vue'], rules: { 'no-undef': 'off' } },
  {
    files: ['**/*.vue'],
    languageOptions: { parserOptions: { parser: tseslint.parser } },
    rules: {
      // Prettier's business.
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/multiline-html-element-content-newline': 'off',
      'vue/html-self-closing': 'off',
      'vue/html-indent': 'off',
      'vue/html-closing-bracket-newline': 'off',
      'vue/first-attribute-linebreak': 'off',
      'vue/multi-word-component-names': 'off',
    },
  },
  {
    files: ['scripts/**', 'tests/**', 'build/**', '*.config.*', '**/*.cjs'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly', Buffer: 'readonly' } },
    rules: { 'no-console': 'off', 'no-undef': 'off', '@typescript-eslint/no-require-imports': 'off' },
  },
  {
    files: ['src-main/**'],
    rules: { 'no-restricted-syntax': ['error', readers] },
  },
  forbid(['src-main/engine/**'], [electron, http, runtime, hosts, project], ['src-main/engine/runtime/onnxruntime.ts']),
  forbid(['src-main/engine/runtime/onnxruntime.ts'], [electron, http, hosts, project]),
  forbid(['tests/**', 'scripts/**'], [runtime]),
  forbid(['src-main/contract/**'], [electron, http, runtime, hosts, project]),
  forbid(['src-main/project/**'], [electron, http, runtime, hosts]),
  forbid(['src-main/app/**', 'src-main/cli/**', 'src-main/cli.ts'], [electron, http, runtime]),
  forbid(['src-main/server/**'], [electron, runtime]),
  forbid(['src-main/desktop/**', 'src-main/main.ts', 'src-main/preload.ts'], [runtime]),
  forbid(
    ['src-renderer/**'],
    [electron, http, runtime, mainProcess, { regex: '^node:', message: 'The renderer is a page.' }],
  ),
)
