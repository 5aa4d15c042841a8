// SPDX-License-Identifier: Apache-2.0
// What a host owns: the axios client, the session and the language.
import { createApiClient, useAuthStore } from '@asteby/metacore-auth'
import { baseResources, createI18n } from '@asteby/metacore-i18n'

// `?lang=es` opens a page in Spanish; the choice outlives the page.
const asked = new URLSearchParams(location.search).get('lang')
if (asked) localStorage.setItem('test_language', asked)
export const language = localStorage.getItem('test_language') ?? 'en'

export const i18n = createI18n({ resources: baseResources, lng: language })

export const session = () => useAuthStore.getState().auth

export const api = createApiClient({
  baseURL: '/api',
  getToken: () => session().accessToken,
  getLanguage: () => language,
  onUnauthorized: () => {
    session().reset()
    if (location.pathname !== '/sign-in') location.assign('/sign-in')
  },
})

export async function signIn({ email, password }) {
  const { data } = await api.post('/auth/login', { email, password })
  session().setUser(data.data.user)
  session().setAccessToken(data.data.token)
}

export async function signOut() {
  await api.post('/auth/logout', {}).catch(() => {}) // signed out here, whatever the server says
  session().reset()
}
