// SPDX-License-Identifier: Apache-2.0
import tailwind from '@tailwindcss/vite'

export default {
  root: 'app',
  plugins: [tailwind()],
  esbuild: { jsx: 'automatic' },
  build: {
    outDir: process.env.BROWSER_APP_DIR,
    emptyOutDir: true,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 10000,
  },
}
