// SPDX-License-Identifier: Apache-2.0
// Debian's Chromium, headless, with a new empty profile; and what a test reads from a page.
import { mkdirSync } from 'node:fs'
import { chromium } from 'playwright-core'

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

// Also what went over the wire: calls[] for tests that say what a page asked for, faults[] for what no
// test wants: answers of 500 and more, and errors that nobody caught.
function listen(page) {
  page.calls = []
  page.faults = []
  page.open = new Set() // requests without an answer yet
  page.on('request', (request) => {
    const url = new URL(request.url())
    if (url.pathname.startsWith('/api/'))
      page.calls.push({ method: request.method(), path: url.pathname.slice(4), query: url.searchParams })
    page.open.add(request)
  })
  for (const end of ['requestfinished', 'requestfailed'])
    page.on(end, (request) => page.open.delete(request))
  page.on('response', (response) => {
    if (response.status() >= 500)
      page.faults.push(`${response.status()} ${response.request().method()} ${response.url()}`)
  })
  page.on('pageerror', (error) => page.faults.push(`uncaught ${error.stack}`))
}

export async function openBrowser({ executablePath, origin, shots }) {
  mkdirSync(shots, { recursive: true })
  const browser = await chromium.launch({ executablePath, headless: true, args: FLAGS })
  const pages = []
  // Each with cookies and storage of its own: two users beside each other.
  const newPage = async () => {
    const context = await browser.newContext({
      viewport: { width: 1440, height: 900 },
      baseURL: origin,
      timezoneId: 'UTC',
    })
    context.setDefaultTimeout(15000)
    const page = await context.newPage()
    listen(page)
    pages.push(page)
    return page
  }
  let count = 0
  const shoot = (page, name) =>
    page.screenshot({ path: `${shots}/${String(++count).padStart(2, '0')}-${name}.png` })
  return { newPage, shoot, pages, close: () => browser.close() }
}
