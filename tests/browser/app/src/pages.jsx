// SPDX-License-Identifier: Apache-2.0
import { SignInPage, useAuthStore } from '@asteby/metacore-auth'
import { NotificationsDropdown } from '@asteby/metacore-notifications'
import {
  DynamicCRUDPage,
  DynamicRecordDialog,
  DynamicTable,
  PermissionsProvider,
  RealtimeProvider,
  useRealtimeStatus,
  useRealtimeTick,
} from '@asteby/metacore-runtime-react'
import { createRealtimeClient } from '@asteby/metacore-websocket'
import { Link, Outlet, useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'

import { api, session, signIn, signOut } from './session.js'

export function SignIn() {
  const navigate = useNavigate()
  const [refusal, setRefusal] = useState('')
  const submit = async (values) => {
    try {
      setRefusal('')
      await signIn(values)
      await navigate({ to: '/dynamic' })
    } catch (error) {
      setRefusal(error.response?.data?.message ?? error.message)
    }
  }
  return (
    <SignInPage
      brandName="metacore"
      onSubmit={submit}
      footerSlot={refusal && <p role="alert">{refusal}</p>}
    />
  )
}

// One socket for data events, beside the provider's for notifications: as the packages do it.
function useRealtime() {
  const [client, setClient] = useState(null)
  const organization = useAuthStore((state) => state.auth.user?.organization_id)
  useEffect(() => {
    if (!organization) return undefined
    const opened = createRealtimeClient({
      wsUrl: `${location.origin.replace('http', 'ws')}/api/ws`,
      getToken: () => session().accessToken,
      channel: `org:${organization}`,
    })
    setClient(opened)
    return () => opened.close()
  }, [organization])
  return client
}

export function Frame() {
  const navigate = useNavigate()
  const client = useRealtime()
  const leave = async () => {
    await signOut()
    await navigate({ to: '/sign-in' })
  }
  return (
    <RealtimeProvider client={client} defaultRealtime>
      <header className="flex items-center gap-4 border-b px-6 py-2">
        <Link to="/dynamic">dynamic</Link>
        <Link to="/data">data</Link>
        <span className="flex-1" />
        <NotificationsDropdown apiClient={api} apiBasePath="/notifications" />
        <button type="button" onClick={leave}>
          Sign out
        </button>
      </header>
      <main className="h-[calc(100svh-4rem)] overflow-auto">
        <Outlet />
      </main>
    </RealtimeProvider>
  )
}

const modelOf = () => new URLSearchParams(location.search).get('model') ?? 'tickets'

// This page hides what the user may not do; the other one shows it and meets the refusal.
export function DynamicPage() {
  const [me, setMe] = useState(null)
  useEffect(() => {
    api
      .get('/permissions/me')
      .then((answer) => setMe(answer.data.data))
      .catch(() => {}) // 401: the client has left for the sign-in page
  }, [])
  if (!me) return null
  return (
    <PermissionsProvider permissions={me.permissions} isAdmin={me.is_admin}>
      <LiveStatus />
      <DynamicCRUDPage model={modelOf()} />
    </PermissionsProvider>
  )
}

// By itself: a page that rendered its table anew whenever the socket's state changes would close the
// menus that are open in it.
function LiveStatus() {
  return <output data-testid="live">{useRealtimeStatus()}</output>
}

// A bare table, which reads and deletes below /data. It has no button for new records: a host adds
// one, and one that writes below /data too. Tables of this version refetch when refreshTrigger
// changes; the host ties it to the data events.
export function DataPage() {
  const model = modelOf()
  const tick = useRealtimeTick({ models: [model], enabled: true })
  const [isOpen, setOpen] = useState(false)
  const [saved, setSaved] = useState(0)
  return (
    <div className="flex h-full flex-col gap-2 p-6">
      <div className="flex items-center gap-4">
        <LiveStatus />
        <button type="button" onClick={() => setOpen(true)}>
          New record
        </button>
      </div>
      <DynamicTable model={model} refreshTrigger={`${saved}-${tick}`} />
      <DynamicRecordDialog
        open={isOpen}
        onOpenChange={setOpen}
        mode="create"
        model={model}
        endpoint={`/data/${model}`}
        onSaved={() => setSaved(saved + 1)}
      />
    </div>
  )
}
