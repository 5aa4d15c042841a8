// SPDX-License-Identifier: Apache-2.0
// What a page shows without being asked: the published socket provider and realtime client against
// the server's socket, while another client writes.
import { equal, isTrue, test } from './lib/check.js'
import { Client } from './lib/metacore.js'
import { eventually, signIn, Table } from './lib/table.js'

const PASSWORD = 'a good password'
const EMAIL = 'ada@live.example.com'

export function live(world) {
  const say = (sentence, run) => test('live', sentence, run)
  let owner
  let page
  let table
  const subjects = () => table.column('Subject')
  const status = () => page.getByTestId('live').innerText()

  say('a table shows what another client creates, changes and deletes', async () => {
    owner = new Client(world.port())
    await owner.register('Live', EMAIL, PASSWORD)
    page = await world.browser().newPage()
    table = new Table(page)
    await signIn(page, EMAIL, PASSWORD)
    await page.waitForURL('**/dynamic')
    await page.goto('/data')
    await eventually(status, 'open', 'socket')
    const one = await owner.create('tickets', { subject: 'From elsewhere' })
    await eventually(subjects, ['From elsewhere'], 'created')
    await owner.call('PUT', `/dynamic/tickets/${one.id}`, { subject: 'Changed elsewhere' })
    await eventually(subjects, ['Changed elsewhere'], 'changed')
    await world.shoot(page, 'live')
    await owner.call('DELETE', `/data/tickets/${one.id}`)
    await eventually(subjects, [], 'deleted')
  })

  say('a batch and an import are seen too', async () => {
    const operations = ['One', 'Two'].map((subject) => ({ op: 'create', model: 'tickets', data: { subject } }))
    const batch = await owner.call('POST', '/dynamic/batch', { operations })
    isTrue(batch.status === 200 || batch.status === 201, `batch: ${batch.status} ${batch.text}`)
    await eventually(async () => (await subjects()).sort(), ['One', 'Two'], 'batch')
    const form = new FormData()
    form.append('file', new Blob(['subject\nThree\n'], { type: 'text/csv' }), 'tickets.csv')
    equal((await owner.call('POST', '/dynamic/tickets/import', form)).status, 200, 'import')
    await eventually(async () => (await subjects()).sort(), ['One', 'Three', 'Two'], 'import')
  })

  say('a notification appears as it is sent, once, and only to whom it is for', async () => {
    world.command(
      ['user', 'create', '--email', 'bob@live.example.com', '--password-stdin', '--org', 'Live', '--role', 'agent'],
      `${PASSWORD}\n`,
    )
    const bob = new Client(world.port())
    await bob.signIn('bob@live.example.com', PASSWORD)
    const other = { title: 'For Bob alone', user_id: bob.user.id }
    equal((await owner.call('POST', '/notifications', other)).status, 201, 'for Bob')
    equal((await owner.call('POST', '/notifications', { title: 'Just in', message: 'now' })).status, 201)
    await page.getByText('Just in').first().waitFor()
    await world.shoot(page, 'live-notification')
    equal(await page.getByText('For Bob alone').count(), 0, 'what is for Bob')
  })

  say('changes of another organization are not heard', async () => {
    const stranger = new Client(world.port())
    await stranger.register('Strangers', 'eve@live.example.com', PASSWORD)
    const lists = () => page.calls.filter((call) => call.path === '/data/tickets').length
    await table.settled()
    const before = lists()
    await stranger.create('tickets', { subject: 'Not yours' })
    const mine = await owner.create('tickets', { subject: 'Mine, later' })
    await eventually(async () => (await subjects()).includes('Mine, later'), true, 'mine')
    equal(lists() - before, 1, 'lists asked for')
    await owner.call('DELETE', `/dynamic/tickets/${mine.id}`)
  })

  say('a page that lost its socket hears again after it came back', async () => {
    await page.context().setOffline(true)
    world.dropSockets()
    await eventually(async () => (await status()) !== 'open', true, 'socket lost')
    await owner.create('tickets', { subject: 'While away' })
    await page.context().setOffline(false)
    await eventually(async () => (await subjects()).includes('While away'), true, 'caught up', 400)
  })

  say('whoever signs out hears nothing more', async () => {
    // Counted where they pass, because a page forgets the sockets of the document it leaves; known by a
    // cookie, because other pages have theirs.
    const ours = () => world.openSockets('page=live')
    await page.context().addCookies([{ name: 'page', value: 'live', url: page.url() }])
    await page.goto('/data')
    await eventually(status, 'open', 'socket')
    await eventually(ours, ['/api/ws', '/api/ws'], 'sockets')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.waitForURL('**/sign-in')
    await eventually(ours, [], 'sockets left')
    equal(page.faults, [], 'answers of 500, uncaught errors')
    await page.close()
  })
}
