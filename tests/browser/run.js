// SPDX-License-Identifier: Apache-2.0
// node run.js BINARY APP [PART OF A SUITE'S NAME]: the published packages against the server.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { contract } from './contract.js'
import { flow } from './flow.js'
import { openBrowser } from './lib/browser.js'
import { runAll } from './lib/check.js'
import { openEdge } from './lib/edge.js'
import { runCommand, startServer } from './lib/metacore.js'
import { live } from './live.js'
import { webhooks } from './webhooks.js'

const [binary, app, only] = process.argv.slice(2)
const shots = path.resolve(process.env.BROWSER_SHOTS ?? 'shots')
const folder = mkdtempSync(path.join(tmpdir(), 'metacore-browser-'))
const data = path.join(folder, 'data')

const here = path.dirname(fileURLToPath(import.meta.url))
const addons = [path.join(here, '../../examples/addons/tickets'), path.join(here, 'addon')]
const server = await startServer(binary, data, addons.join())
const edge = await openEdge(app, server.port)
const browser = await openBrowser({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  origin: edge.origin,
  shots,
})

const world = {
  port: () => server.port,
  browser: () => browser,
  shoot: (page, name) => browser.shoot(page, name),
  dropSockets: () => edge.dropSockets(),
  openSockets: (cookie) => edge.openSockets(cookie),
  command: (args, input) => runCommand(binary, data, args, input),
}
contract(world)
flow(world)
live(world)
webhooks({ binary, folder, addons: addons.join() })

// A picture of what the user saw says more than a selector that was not found.
const onFailure = async (name) => {
  for (const page of browser.pages.filter((one) => !one.isClosed()))
    await browser
      .shoot(page, `failed-${name.replace(/[^a-z]+/gi, '-').slice(0, 60)}`)
      .catch((error) => console.log(`no picture: ${error.message}`))
}

let isGood = await runAll({ only, onFailure })
await browser.close()
edge.close()
const code = await server.stop()
if (code !== 0) {
  console.log(`not ok - the server ended with ${code}`)
  isGood = false
}
rmSync(folder, { recursive: true, force: true })
process.exit(isGood ? 0 : 1)
