// SPDX-License-Identifier: Apache-2.0
// The smallest host that mounts the published packages with every provider that they ask for.
import { createAuthGuard, useAuthStore } from '@asteby/metacore-auth'
import { ApiProvider } from '@asteby/metacore-runtime-react'
import { ThemeProvider } from '@asteby/metacore-theme'
import { WebSocketProvider } from '@asteby/metacore-websocket'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import {
  createRootRoute,
  createRoute,
  createRouter,
  Outlet,
  redirect,
  RouterProvider,
} from '@tanstack/react-router'
import { createRoot } from 'react-dom/client'
import { I18nextProvider } from 'react-i18next'
import { Toaster } from 'sonner'

import { DataPage, DynamicPage, Frame, SignIn } from './pages.jsx'
import { api, i18n } from './session.js'
import './style.css'

const root = createRootRoute({ component: Outlet })
const signedIn = createRoute({
  getParentRoute: () => root,
  id: 'signed-in',
  beforeLoad: createAuthGuard(),
  component: Frame,
})
const child = (path, component) => createRoute({ getParentRoute: () => signedIn, path, component })
const routeTree = root.addChildren([
  createRoute({
    getParentRoute: () => root,
    path: '/',
    beforeLoad: () => {
      throw redirect({ to: '/dynamic' })
    },
  }),
  createRoute({ getParentRoute: () => root, path: '/sign-in', component: SignIn }),
  signedIn.addChildren([child('/dynamic', DynamicPage), child('/data', DataPage)]),
])
const router = createRouter({
  routeTree,
  // Filters stand in the address as they are: a parser that reads JSON would quote them.
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const text = new URLSearchParams(search).toString()
    return text && `?${text}`
  },
})

function App() {
  const token = useAuthStore((state) => state.auth.accessToken)
  return (
    <WebSocketProvider
      url={token ? `${location.origin.replace('http', 'ws')}/api/ws` : null}
      getToken={() => token}
      heartbeatInterval={15000}
    >
      <RouterProvider router={router} />
    </WebSocketProvider>
  )
}

createRoot(document.getElementById('root')).render(
  <I18nextProvider i18n={i18n}>
    <ThemeProvider defaultTheme="light">
      <QueryClientProvider client={new QueryClient()}>
        <ApiProvider client={api}>
          <App />
          <Toaster />
        </ApiProvider>
      </QueryClientProvider>
    </ThemeProvider>
  </I18nextProvider>,
)
