// SPDX-License-Identifier: Apache-2.0
// What every release must let a person do in a real browser with the published packages: the same
// sentences on both path families, each with an organization of its own.
import { readFile } from 'node:fs/promises'

import { equal, has, isTrue, test } from './lib/check.js'
import { Client } from './lib/metacore.js'
import { eventually, signIn, Table } from './lib/table.js'

const PASSWORD = 'a good password'

// world: {port, browser, command(args, input)}, filled before the tests run.
export function flow(world) {
  for (const family of ['dynamic', 'data']) onFamily(world, family)
}

function onFamily(world, family) {
  const email = `ada@${family}.example.com`
  const organization = `Browser ${family}`
  const owner = { client: null, page: null, table: null }
  const say = (sentence, run) => test(family, sentence, run)
  const subjects = () => owner.table.column('Subject')
  const lastCall = (method, path) =>
    owner.page.calls.filter((call) => call.method === method && call.path === path).at(-1)
  const list = () => lastCall('GET', `/${family}/tickets`)

  say('a wrong password is refused with the message of the server', async () => {
    owner.client = new Client(world.port())
    await owner.client.register(organization, email, PASSWORD)
    owner.page = await world.browser().newPage()
    owner.table = new Table(owner.page)
    await signIn(owner.page, email, 'not the password')
    await owner.page.getByRole('alert').filter({ hasText: 'Invalid credentials' }).waitFor()
    has(owner.page.url(), '/sign-in', 'address')
  })

  say('whoever signs in sees the table with its columns, and no row yet', async () => {
    await signIn(owner.page, email, PASSWORD)
    await owner.page.waitForURL('**/dynamic')
    await owner.page.goto(`/${family}`)
    const wanted = ['', 'Subject', 'Status', 'Priority', 'Due at', 'Hours', 'Urgent', 'Assigned to']
    await eventually(() => owner.table.headers(), [...wanted, 'Actions'], 'headers')
    await owner.page.getByText('No se encontraron resultados').first().waitFor()
    await owner.page.getByPlaceholder('Search in subjects and texts').first().waitFor()
    await world.shoot(owner.page, `${family}-empty`)
  })

  say('a record is created from its form, with every kind of field', async () => {
    await owner.page.getByRole('button', { name: /^New (Ticket|record)$/ }).click()
    const dialog = await owner.table.dialog()
    await dialog.fill('Subject', 'Ink & paper: 50% «ready»')
    await dialog.choose('Status', 'In progress')
    await dialog.choose('Priority', 'High')
    await dialog.fill('Description', 'first line\nsecond line')
    await dialog.pickDay('Due at', 15)
    await dialog.fill('Hours', '2.5')
    await dialog.switch('Urgent')
    await world.shoot(owner.page, `${family}-create`)
    await dialog.press('Crear')
    await dialog.closed()
    await owner.table.toast('The ticket was created')
    await eventually(subjects, ['Ink & paper: 50% «ready»'], 'subjects')
    const [row] = await owner.table.rows()
    equal([row.Status, row.Priority, row.Hours, row.Urgent], ['In progress', 'High', '2.5', 'Sí'])
    has(row['Due at'], '/15/', 'the day that was picked')
    await world.shoot(owner.page, `${family}-created`)
  })

  say('a form of which only the subject was filled is a record with defaults', async () => {
    await owner.page.getByRole('button', { name: /^New (Ticket|record)$/ }).click()
    const dialog = await owner.table.dialog()
    await dialog.fill('Subject', 'Only a subject')
    await dialog.press('Crear')
    await dialog.closed()
    await eventually(async () => (await subjects()).length, 2, 'rows')
    const answer = await owner.client.call('GET', '/dynamic/tickets?f_subject=Only a subject')
    const { status, priority, body, due_at, hours, urgent, assignee_id } = answer.data[0]
    equal([status, priority, due_at, hours, urgent, assignee_id], [
      'open', 'normal', null, null, false, null,
    ])
    isTrue(body === '' || body === null, 'the text that nobody wrote is empty')
  })

  say('a form without what is required is not sent', async () => {
    await owner.page.getByRole('button', { name: /^New (Ticket|record)$/ }).click()
    const dialog = await owner.table.dialog()
    const sent = owner.page.calls.length
    await dialog.press('Crear')
    await owner.table.toast('Revisa los campos marcados')
    equal(owner.page.calls.slice(sent).filter((call) => call.method === 'POST').length, 0, 'posts')
    await dialog.press('Cancelar')
    await dialog.closed()
  })

  say('what the server refuses stands under its field', async () => {
    await owner.page.getByRole('button', { name: /^New (Ticket|record)$/ }).click()
    const dialog = await owner.table.dialog()
    // The client checks what the form declares; how many digits a decimal has, only the server knows.
    await dialog.fill('Subject', 'refused')
    await dialog.field('Hours').locator('input').fill('1e300')
    await dialog.press('Crear')
    await owner.table.toast('Revisa los campos marcados')
    await eventually(
      async () => (await dialog.field('Hours').locator('.text-destructive').allInnerTexts()).length,
      1,
      'messages under Hours',
    )
    await world.shoot(owner.page, `${family}-refused`)
    await dialog.press('Cancelar')
    await dialog.closed()
  })

  say('a record is seen and edited, and what was not touched stays', async () => {
    await owner.table.chooseInRow('Ink & paper', 'View')
    let dialog = await owner.table.dialog()
    await dialog.self.getByText('second line').waitFor()
    await world.shoot(owner.page, `${family}-view`)
    await dialog.press('Cerrar')
    await dialog.closed()
    await owner.table.chooseInRow('Ink & paper', 'Edit')
    dialog = await owner.table.dialog()
    await eventually(() => dialog.value('Subject'), 'Ink & paper: 50% «ready»', 'subject in the form')
    equal(await dialog.value('Hours'), '2.5', 'hours in the form')
    await dialog.fill('Subject', 'Ink delivered')
    await dialog.fill('Hours', '')
    await dialog.choose('Status', 'Closed')
    await world.shoot(owner.page, `${family}-edit`)
    await dialog.press('Guardar cambios')
    await dialog.closed()
    await owner.table.toast('The ticket was saved')
    await eventually(async () => (await subjects()).includes('Ink delivered'), true, 'new subject')
    const answer = await owner.client.call('GET', '/dynamic/tickets?f_subject=Ink delivered')
    const { status, priority, body, due_at, hours, urgent } = answer.data[0]
    equal([status, priority, body, hours, urgent], [
      'closed', 'high', 'first line\nsecond line', null, true,
    ])
    has(due_at, '-15T00:00:00', 'the date that nobody touched')
  })

  say('a person is picked by name, seen by name, and found by filter', async () => {
    await owner.table.chooseInRow('Ink delivered', 'Edit')
    let dialog = await owner.table.dialog()
    await eventually(() => dialog.value('Subject'), 'Ink delivered', 'subject in the form')
    await dialog.pick('Assigned to', 'ada', 'Ada Owner')
    await world.shoot(owner.page, `${family}-picked`)
    await dialog.press('Guardar cambios')
    await dialog.closed()
    // The initials of whoever has no picture stand before the name.
    const assignee = async () => (await owner.table.column('Assigned to')).sort()
    await eventually(assignee, ['-', 'AO\nAda Owner'], 'assignees')
    await owner.table.chooseInRow('Ink delivered', 'Edit')
    dialog = await owner.table.dialog()
    await dialog.field('Assigned to').getByText('Ada Owner').waitFor()
    await dialog.press('Cancelar')
    await dialog.closed()
    await owner.table.filterOptions('Assigned to', 'Ada Owner')
    await eventually(subjects, ['Ink delivered'], 'hers')
    await world.shoot(owner.page, `${family}-assignee`)
  })

  say('a text column offers the values that there are, and filters by them', async () => {
    await owner.page.goto(`/${family}`)
    await owner.table.filterOptions('Subject', 'Only a subject')
    await eventually(subjects, ['Only a subject'], 'that one')
    await owner.page.goto(`/${family}`)
    await eventually(async () => (await subjects()).length, 2, 'rows')
  })

  say('a search finds in subjects and texts, whatever the case', async () => {
    for (const [subject, status, body, hours] of [
      ['Broken window', 'open', 'in the KITCHEN', 1],
      ['Älter als gedacht', 'open', '', 7.25],
      ['Zebra crossing', 'resolved', 'paint', 3],
      ['100% cotton', 'open', 'kitchen towels', 0],
    ])
      await owner.client.create('tickets', { subject, status, body, hours })
    const box = owner.page.getByPlaceholder('Search in subjects and texts').first()
    await box.fill('kitchen')
    await eventually(async () => (await subjects()).sort(), ['100% cotton', 'Broken window'], 'found')
    equal(list().query.get('search'), 'kitchen', 'search as sent')
    await box.fill('älter')
    await eventually(subjects, ['Älter als gedacht'], 'found')
    await box.fill('100%')
    await eventually(subjects, ['100% cotton'], 'found')
    await box.fill('nothing of the kind')
    await eventually(subjects, [], 'found')
    await box.fill('')
    await eventually(async () => (await subjects()).length, 6, 'rows')
  })

  say('a column sorts in both directions', async () => {
    await owner.table.sort('Subject', 'Ascendente')
    const asked = () => [list().query.get('sortBy'), list().query.get('order')]
    await eventually(asked, ['subject', 'asc'], 'order as sent')
    const wanted = ['100% cotton', 'Broken window', 'Ink delivered', 'Only a subject', 'Zebra crossing']
    await eventually(async () => (await subjects()).slice(0, 5), wanted, 'in order')
    await owner.table.sort('Hours', 'Descendente')
    await eventually(async () => (await owner.table.column('Hours'))[0], '7.25', 'most hours')
    await world.shoot(owner.page, `${family}-sorted`)
  })

  say('options filter, one and several', async () => {
    await owner.page.goto(`/${family}`)
    await owner.table.filterOptions('Status', 'Closed')
    await eventually(subjects, ['Ink delivered'], 'closed')
    equal(list().query.get('f_status'), 'closed', 'filter as sent')
    await owner.table.filterOptions('Status', 'Resolved')
    await eventually(async () => (await subjects()).sort(), ['Ink delivered', 'Zebra crossing'], 'two')
    equal(list().query.get('f_status'), 'IN:closed,resolved', 'filter as sent')
    await world.shoot(owner.page, `${family}-filtered`)
  })

  say('a range of numbers filters, from one side too', async () => {
    await owner.page.goto(`/${family}`)
    await owner.table.filter('Hours', (popover) =>
      popover.getByPlaceholder('0', { exact: true }).fill('3'),
    )
    await eventually(async () => (await subjects()).sort(), ['Zebra crossing', 'Älter als gedacht'], '3…')
    equal(list().query.get('f_hours'), 'RANGE:3,', 'filter as sent')
    await owner.table.filter('Hours', (popover) => popover.getByPlaceholder('999999').fill('5'))
    await eventually(subjects, ['Zebra crossing'], '3…5')
  })

  say('a range of days includes both of its ends', async () => {
    await owner.client.create('tickets', { subject: 'Late on the last day', due_at: '2026-11-20T23:59:59Z' })
    await owner.client.create('tickets', { subject: 'The day after', due_at: '2026-11-21T00:00:00Z' })
    await owner.page.goto(`/${family}?f_due_at=2026-11-20_2026-11-20`)
    await eventually(subjects, ['Late on the last day'], 'due on that day')
  })

  say('yes and no filter', async () => {
    await owner.page.goto(`/${family}`)
    await owner.table.filterOptions('Urgent', 'Yes')
    await eventually(subjects, ['Ink delivered'], 'urgent')
    equal(list().query.get('f_urgent'), 'true', 'filter as sent')
  })

  say('a link with filters opens filtered, and with the page size that it names', async () => {
    const links = [
      ['f_subject=contains:zebra', ['Zebra crossing']],
      ['f_status=in:closed,resolved', ['Ink delivered', 'Zebra crossing']],
      ['f_hours=gte:3', ['Zebra crossing', 'Älter als gedacht']],
      ['f_hours=lt:1', ['100% cotton']],
      ['f_status=not_in:open,in_progress', ['Ink delivered', 'Zebra crossing']],
      ['f_subject=like:roken win', ['Broken window']],
      ['f_hours=null:&f_status=open', ['Late on the last day', 'Only a subject', 'The day after']],
      ['f_hours=not_null:&f_status=resolved', ['Zebra crossing']],
      ['f_priority=high&f_urgent=true', ['Ink delivered']],
    ]
    for (const [query, wanted] of links) {
      await owner.page.goto(`/${family}?${query}`)
      await eventually(async () => (await subjects()).sort(), wanted, query)
    }
    await owner.page.goto(`/${family}?per_page=10&sortBy=subject&order=desc`)
    await eventually(async () => (await subjects())[0], 'Älter als gedacht', 'last in the alphabet')
    equal(list().query.get('per_page'), '10', 'page size as sent')
  })

  say('pages are turned, and a page size is chosen among what the server offers', async () => {
    for (let i = 0; i < 20; i++)
      await owner.client.create('tickets', { subject: `Series ${String(i).padStart(2, '0')}` })
    // What was chosen before is remembered in the browser and would win over the server's default.
    await owner.page.evaluate(() => localStorage.removeItem('mc:tbl:pageSize:v1|tickets'))
    await owner.page.goto(`/${family}?f_subject=contains:series&sortBy=subject&order=asc`)
    await eventually(async () => (await subjects()).length, 20, 'rows on a page')
    await owner.page.getByRole('combobox').filter({ hasText: '20' }).click()
    const sizes = await owner.page.getByRole('option').allInnerTexts()
    equal(sizes, ['10', '20', '50', '100'], 'sizes')
    await owner.page.getByRole('option', { name: '10', exact: true }).click()
    await eventually(async () => (await subjects()).at(-1), 'Series 09', 'end of the first page')
    await owner.page.getByRole('button', { name: /2 ?2$/ }).click()
    await eventually(subjects, Array.from({ length: 10 }, (_, i) => `Series ${i + 10}`), 'second page')
    await world.shoot(owner.page, `${family}-second-page`)
  })

  say('a filtered table is exported as CSV and as JSON, with the headers that are seen', async () => {
    await owner.page.goto(`/${family}?f_status=in:closed,resolved&sortBy=subject&order=asc`)
    await eventually(subjects, ['Ink delivered', 'Zebra crossing'], 'shown')
    for (const format of ['CSV', 'JSON']) {
      await owner.page.getByRole('button', { name: 'Exportar', exact: true }).first().click()
      const dialog = await owner.table.dialog()
      await dialog.self.getByText(format, { exact: true }).click()
      const download = owner.page.waitForEvent('download')
      await dialog.press('Exportar')
      const file = await download
      equal(file.suggestedFilename(), `tickets-export.${format.toLowerCase()}`, 'name')
      const text = await readFile(await file.path(), 'utf8')
      if (format === 'CSV') {
        const lines = text.replace(/^\ufeff/, '').trim().split(/\r?\n/)
        has(lines[0], 'Subject,Status,Priority,Due at,Hours,Urgent', 'header')
        equal(lines.length, 3, 'lines')
      } else {
        const rows = JSON.parse(text)
        equal((rows.data ?? rows).length, 2, 'rows')
      }
      await owner.table.toast('Exportación completada')
      await dialog.closed()
    }
  })

  say('a file is checked, its faults are shown by row and column, and a good one is imported', async () => {
    await owner.page.goto(`/${family}`)
    await owner.page.getByRole('button', { name: 'Importar', exact: true }).first().click()
    const dialog = await owner.table.dialog()
    const download = owner.page.waitForEvent('download')
    await dialog.self.getByText('Descargar plantilla').click()
    const template = await readFile(await (await download).path(), 'utf8')
    has(template, 'subject', 'template')
    const give = (text) =>
      dialog.self.locator('input[type=file]').setInputFiles({
        name: 'tickets.csv',
        mimeType: 'text/csv',
        buffer: Buffer.from(text),
      })
    await give('subject,status,hours\n"Imported, one",open,2\n,open,3\nImported two,open,many\n')
    await dialog.press('Validar')
    await dialog.self.getByText('error(es)').waitFor()
    const faults = await dialog.self.locator('tbody tr').evaluateAll((all) =>
      all.map((row) => [...row.cells].slice(0, 2).map((cell) => cell.innerText.trim())),
    )
    await world.shoot(owner.page, `${family}-import-faults`)
    await dialog.self.getByText('1 valido(s)').waitFor()
    equal(await dialog.self.getByText('Se ignoraron').count(), 0, 'rows passed over')
    equal(faults, [['2', 'subject'], ['3', 'hours']], 'faults')
    await dialog.self.getByRole('button', { name: 'Close' }).last().click()
    await dialog.closed()
    await owner.page.getByRole('button', { name: 'Importar', exact: true }).first().click()
    await give('subject,status,hours\n"Imported, one",open,2\nImported two,closed,3.5\n')
    await dialog.press('Validar')
    await dialog.press('Importar')
    await dialog.self.getByText('Todos los registros fueron importados').waitFor()
    await world.shoot(owner.page, `${family}-imported`)
    await dialog.press('Cerrar')
    await owner.page.goto(`/${family}?f_subject=contains:imported&sortBy=subject&order=asc`)
    await eventually(subjects, ['Imported two', 'Imported, one'], 'imported')
  })

  say('the bell counts what is new, shows it, and keeps what was read as read', async () => {
    const told = { title: `Told on ${family}`, message: 'about tickets', type: 'warning' }
    equal((await owner.client.call('POST', '/notifications', told)).status, 201, 'notification')
    await owner.page.goto(`/${family}`)
    await owner.table.settled()
    await owner.page.locator('header').getByRole('button').first().click()
    await owner.page.getByText(told.title).first().waitFor()
    await owner.page.getByText('about tickets').first().waitFor()
    await world.shoot(owner.page, `${family}-bell`)
    await owner.page.getByText(told.title).first().click()
    const read = async () => (await owner.client.call('GET', '/notifications')).data[0].is_read
    await eventually(read, true, 'marked as read')
    await owner.page.keyboard.press('Escape')
  })

  say('one record is deleted after a question, and several at once', async () => {
    await owner.page.goto(`/${family}?f_subject=contains:imported&sortBy=subject&order=asc`)
    await eventually(async () => (await subjects()).length, 2, 'rows')
    await owner.table.chooseInRow('Imported two', 'Delete')
    await owner.table.confirm('Eliminar')
    await owner.table.toast('Registro eliminado correctamente')
    await eventually(subjects, ['Imported, one'], 'left')
    await owner.page.goto(`/${family}?f_subject=contains:series&per_page=50`)
    await eventually(async () => (await subjects()).length, 20, 'rows')
    await owner.page.getByRole('checkbox', { name: 'Select all' }).click()
    await owner.page.getByRole('toolbar').getByRole('button', { name: 'Eliminar' }).click()
    await owner.page.getByRole('alertdialog').getByRole('button', { name: 'Eliminar todos' }).click()
    await eventually(subjects, [], 'left')
    const answer = await owner.client.call('GET', '/dynamic/tickets?f_subject=ILIKE:series')
    equal(answer.json.meta.total, 0, 'total')
  })

  say('whoever may not read sees the panel that says so, and nothing of the data', async () => {
    const agent = `agent@${family}.example.com`
    world.command(
      ['user', 'create', '--email', agent, '--password-stdin', '--org', organization, '--role', 'agent'],
      `${PASSWORD}\n`,
    )
    await owner.page.getByRole('button', { name: 'Sign out' }).click()
    await owner.page.waitForURL('**/sign-in')
    // A browser of their own: nothing that the owner saw is kept in it.
    owner.page = await world.browser().newPage()
    owner.table = new Table(owner.page)
    await signIn(owner.page, agent, PASSWORD)
    await owner.page.waitForURL('**/dynamic')
    await owner.page.goto(`/${family}`)
    await owner.page.getByText('Sin permiso para ver este módulo').first().waitFor()
    await world.shoot(owner.page, `${family}-forbidden`)
    equal(await owner.page.getByText('Subject').count(), 0, 'what the model has')
    equal(await owner.page.getByRole('button', { name: /^(New Ticket|Exportar|Importar)$/ }).count(), 0)
  })

  say('whoever may only read sees the rows', async () => {
    world.command(['grant', 'add', '--org', organization, '--role', 'agent', '--capability', 'tickets.read'])
    await owner.page.goto(`/${family}?f_subject=contains:zebra`)
    await eventually(subjects, ['Zebra crossing'], 'rows')
    await world.shoot(owner.page, `${family}-reader`)
  })

  if (family === 'dynamic')
    say('and is offered nothing else, by a page that asks for the permissions', async () => {
      await owner.table.settled()
      await owner.table.row('Zebra').locator('td').last().getByRole('button').click()
      equal(await owner.page.getByRole('menuitem').allInnerTexts(), ['View'], 'row menu')
      await owner.page.keyboard.press('Escape')
      await owner.page.getByRole('menu').waitFor({ state: 'hidden' })
      const buttons = await owner.page.locator('main').getByRole('button').allInnerTexts()
      equal(buttons.filter((text) => /New|Import/.test(text)), [], 'buttons that change something')
      has(buttons.join(), 'Exportar', 'buttons')
    })
  else
    say('and is told why a change is refused, by a page that does not', async () => {
      await owner.table.chooseInRow('Zebra crossing', 'Edit')
      const dialog = await owner.table.dialog()
      await eventually(() => dialog.value('Subject'), 'Zebra crossing', 'subject in the form')
      await dialog.fill('Subject', 'Not allowed')
      await dialog.press('Guardar cambios')
      await owner.table.toast('tickets.update')
      await world.shoot(owner.page, `${family}-refused-change`)
      await dialog.press('Cancelar')
      equal(owner.page.url().includes('/sign-in'), false, 'signed out')
    })

  say('a session that has ended leads back to the sign-in page', async () => {
    await owner.page.evaluate(() => localStorage.setItem('auth_token', 'not.a.token'))
    await owner.page.goto(`/${family}`)
    await owner.page.waitForURL('**/sign-in*')
    equal(owner.page.faults, [], 'answers of 500, uncaught errors')
    await owner.page.close()
  })
}
