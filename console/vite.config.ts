import { defineConfig } from 'vite'
import react from '@vitejs/plugin-react'

// The console is served under /console/ by the binary that embeds it. `npm run dev` proxies the API to a running server.
export default defineConfig({
  base: '/console/',
  plugins: [react()],
  build: { chunkSizeWarningLimit: 1500 },
  server: { proxy: { '/v1': 'http://127.0.0.1:7300' } },
})
