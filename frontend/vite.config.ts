// SPDX-License-Identifier: Apache-2.0
// Builds one ES module that exports `render()`, as TensorBoard imports it, and lists its own assets.
import { defineConfig } from 'vitest/config';
import { thirdParty } from './scripts/third_party.mjs';

export default defineConfig({
  base: './',
  plugins: [thirdParty()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../tb_xai_plugin/tab/static',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: false,
    sourcemap: false,
    reportCompressedSize: false,
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: 'src/index.tsx',
      preserveEntrySignatures: 'strict',
      output: {
        format: 'es',
        entryFileNames: 'index.js',
        chunkFileNames: 'assets/[name]-[hash].js',
        assetFileNames: 'assets/[name]-[hash][extname]',
      },
    },
  },
  test: { environment: 'happy-dom', include: ['tests/**/*.test.{ts,tsx,mjs}'] },
});
