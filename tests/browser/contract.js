// SPDX-License-Identifier: Apache-2.0
// The differences between the published client and the kernels before us, row by row as the client's
// contract numbers them: what a server must do so that the client works. Asked without a browser, of
// the running server.
import { equal, has, isTrue, test } from './lib/check.js'
import { Client } from './lib/metacore.js'

const names = (answer) => answer.data.map((row) => row.name).sort()
const keys = (list) => list.map((item) => item.key)

export function contract(world) {
  let client
  let table
  const row = (number, sentence, run) => test('contract', `${number}. ${sentence}`, run)
  const get = async (path) => {
    const answer = await client.call('GET', path)
    isTrue(answer.status === 200, `${path}: ${answer.status} ${answer.text}`)
    return answer
  }
  const column = (key) => table.columns.find((one) => one.key === key)

  test('contract', '0. rows to ask about', async () => {
    client = new Client(world.port())
    await client.register('Contract', 'ada@contract.example.com', 'a good password')
    for (const values of [
      { name: 'a', code: 'x-1', level: 1, amount: 1.5, flag: true, on_day: '2026-11-10', at: '2026-11-10T00:00:00Z' },
      { name: 'b', code: 'x-2', level: 2, amount: 2.5, flag: false, on_day: '2026-11-11', at: '2026-11-11T23:59:59.999999Z' },
      { name: 'c', code: 'a', level: null, amount: 30, owner_id: client.user.id },
    ])
      await client.create('probes', values)
    table = (await get('/metadata/table/probes')).data
  })

  row(1, 'what is below /dynamic is below /data and /data/:model/me too', async () => {
    const one = await client.call('POST', '/data/probes', { name: 'alias' })
    equal(one.status, 201, 'create')
    for (const base of ['/dynamic/probes', '/data/probes', '/data/probes/me']) {
      equal(names(await get(`${base}?per_page=50`)), ['a', 'alias', 'b', 'c'], base)
      equal((await get(`${base}/${one.data.id}`)).data.name, 'alias', base)
      equal((await client.call('PUT', `${base}/${one.data.id}`, { code: base })).status, 200, base)
      equal((await client.call('POST', `${base}/${one.data.id}/action/archive`, {})).status, 200, base)
    }
    const gone = await client.call('DELETE', `/data/probes/me/${one.data.id}`)
    equal([gone.status, gone.json.success], [200, true], 'delete')
  })

  row(2, 'options need no configuration, and take q and search', async () => {
    for (const path of ['/options/users?field=id&limit=20', '/options/users?field=id&q=ada', '/options/users?field=id&search=ADA', '/search/users?search=ada&limit=50', '/search/users?q=ada']) {
      const answer = await get(path)
      equal(answer.json.success, true, path)
      equal([answer.data[0].id, answer.data[0].label], [client.user.id, client.user.name], path)
    }
    equal((await get('/options/users?field=id&q=nobody')).data, [], 'nobody')
    equal((await get('/options/probes?field=id&q=B')).data.map((one) => one.label), ['b'], 'probes')
  })

  const lists = [
    [3, 'a range is split by a comma', 'f_amount=RANGE:2,10', ['b']],
    [3, 'or by a bar', 'f_amount=range:2|10', ['b']],
    [3, 'and may lack a side', 'f_amount=RANGE:2,', ['b', 'c']],
    [3, 'or the other', 'f_amount=RANGE:,2', ['a']],
    [4, 'two days are all of both, of a time', 'f_at=2026-11-10_2026-11-11', ['a', 'b']],
    [4, 'and of a date', 'f_on_day=2026-11-11_2026-11-11', ['b']],
    [5, 'a bare value is equal', 'f_name=a', ['a']],
    [5, 'GT', 'f_level=GT:1', ['b']],
    [5, 'LT', 'f_level=LT:2', ['a']],
    [5, 'GTE', 'f_amount=GTE:2.5', ['b', 'c']],
    [5, 'LTE', 'f_amount=LTE:2.50', ['a', 'b']],
    [5, 'IN', 'f_name=IN:a,c', ['a', 'c']],
    [5, 'NOT_IN', 'f_name=NOT_IN:a,c', ['b']],
    [5, 'LIKE', 'f_code=LIKE:x-', ['a', 'b']],
    [5, 'ILIKE', 'f_code=ILIKE:X-', ['a', 'b']],
    [5, 'NULL', 'f_level=NULL:', ['c']],
    [5, 'NOT_NULL', 'f_level=NOT_NULL:', ['a', 'b']],
    [5, 'yes and no', 'f_flag=false', ['b']],
    [6, 'a search finds in all searchable columns', 'search=a', ['a', 'c']],
    [6, 'and in those that are named', 'search=a&search_columns=name', ['a']],
    [6, 'never in one that is not searchable', 'search=1&search_columns=level', []],
  ]
  for (const [number, sentence, query, wanted] of lists)
    row(number, `${sentence}: ${query}`, async () => equal(names(await get(`/data/probes?${query}`)), wanted))

  row(7, 'facets and aggregates are no ids', async () => {
    const facets = (await get('/data/probes/facets?field=code&limit=50&q=x')).data
    equal(facets.map((one) => [one.value, one.count]).sort(), [['x-1', 1], ['x-2', 1]])
    equal((await get('/data/probes/aggregate')).data, { amount: 34 })
    equal((await get('/data/probes/aggregate?f_amount=RANGE:2,')).data, { amount: 32.5 }, 'filtered')
  })

  row(8, 'an action on the collection has its route and its place in the toolbar', async () => {
    equal(table.actions.find((one) => one.key === 'recount').placement, 'table')
    for (const base of ['/dynamic', '/data']) {
      const answer = await client.call('POST', `${base}/probes/action/recount`, {})
      equal([answer.status, answer.json.success], [200, true], base)
    }
  })

  row(9, 'an action without a question is one that the client sends', () =>
    equal(table.actions.find((one) => one.key === 'archive').executable, true),
  )

  row(10, 'a model with actions of its own keeps view, edit and delete', () => {
    equal(keys(table.actions), ['archive', 'recount', 'broken', 'view', 'edit', 'delete'])
    equal(table.hasActions, true)
  })

  row(11, 'sortable is always said', () =>
    equal(table.columns.filter((one) => typeof one.sortable !== 'boolean'), []),
  )

  row(12, 'lists are never null', async () => {
    for (const path of ['/metadata/table/bare', '/metadata/modal/bare', '/metadata/table/probes']) {
      const { text, data } = await get(path)
      equal(/[:,[]null/.test(text), false, path)
      isTrue(Array.isArray(data.columns ?? data.fields), path)
    }
    equal((await get('/data/bare')).data, [], 'no rows')
  })

  row(13, 'options of a table have strings as values', () =>
    equal(column('level').options.map((one) => one.value), ['1', '2']),
  )

  row(14, 'an empty string is nothing in every column that is no text', async () => {
    const empty = { level: '', amount: '', flag: '', on_day: '', at: '', owner_id: '' }
    const { id } = await client.create('probes', { name: 'empty', ...empty })
    const { data } = await client.call('PUT', `/data/probes/${id}`, { ...empty, code: '' })
    for (const key of Object.keys(empty)) equal(data[key], null, key)
    await client.call('DELETE', `/data/probes/${id}`)
  })

  row(15, 'a day is the midnight that it begins with', async () => {
    const one = await client.create('probes', { name: 'day', at: '2026-11-20' })
    equal(Date.parse(one.at), Date.parse('2026-11-20T00:00:00Z'))
    await client.call('DELETE', `/data/probes/${one.id}`)
  })

  row(16, 'what a field may not be is told by field, with codes that the client has texts for', async () => {
    for (const [values, field, code] of [
      [{}, 'name', 'required'],
      [{ name: '' }, 'name', 'required'],
      [{ name: 'x'.repeat(41) }, 'name', 'max'],
      [{ name: 'x', level: 3 }, 'level', 'invalid_option'],
      [{ name: 'x', level: 'many' }, 'level', 'invalid_type'],
      [{ name: 'x', on_day: '2026-02-30' }, 'on_day', 'invalid_type'],
      [{ name: 'x', owner_id: '01935a40-0000-7000-8000-000000000001' }, 'owner_id', 'not_found'],
    ]) {
      const { json, status } = await client.call('POST', '/data/probes', values)
      isTrue(status === 422 || status === 400, `status ${status} of ${JSON.stringify(values)}`)
      equal(json.errors?.[field]?.[0]?.code, code, JSON.stringify(values))
      isTrue(typeof json.message === 'string' && json.message.length > 0, 'message')
    }
  })

  row(17, 'an action that fails has a message', async () => {
    const [one] = (await get('/data/probes?per_page=1')).data
    const { json, status } = await client.call('POST', `/data/probes/${one.id}/action/broken`, {})
    isTrue(status >= 400, `status ${status}`)
    equal([json.success, typeof json.message], [false, 'string'])
  })

  row(18, 'a list has its total as a number', async () =>
    equal((await get('/data/probes?per_page=1')).json.meta.total, 3),
  )

  row(19, 'an export has the format and the headers that were asked for, and JSON is no control message', async () => {
    const labels = encodeURIComponent(JSON.stringify({ name: 'Nombre', level: 'Nivel' }))
    const ask = `/dynamic/probes/export?columns=name,level&column_labels=${labels}&sortBy=name&order=asc`
    const csv = await client.call('GET', `${ask}&format=csv`)
    equal(csv.text.replace(/^\ufeff/, '').split(/\r?\n/).slice(0, 2), ['Nombre,Nivel', 'a,1'])
    const json = await client.call('GET', `${ask}&format=json`)
    equal(json.headers.get('content-type').includes('application/json'), false, 'content type')
    equal(json.json.length, 3, 'rows')
  })

  row(20, 'metadata says what can be done', () => {
    const { canExport, canImport, canCreate, hasActions, relations } = table
    equal([canExport, canImport, canCreate, hasActions], [true, true, true, true])
    equal(relations.map((one) => one.name), ['owner', 'ticket'])
    equal([column('name').searchable, column('level').searchable], [true, false])
  })

  row(21, 'the key for pushes is asked for before anybody signed in: 404 is off, 401 would sign out', async () => {
    const stranger = new Client(world.port())
    const { status, json } = await stranger.call('GET', '/push/public-key')
    isTrue(status === 404 || (status === 200 && json.publicKey), `status ${status}`)
  })

  row(22, 'webhooks are read and written in the spelling of their page, and listed by pages', async () => {
    for (const base of ['/webhooks', '/org-webhooks']) {
      const made = await client.call('POST', base, { name: 'page', url: 'https://example.com/hook', events: 'probes.*', status: 'active', max_retries: 5, timeout_secs: 7 })
      isTrue(made.status >= 200 && made.status < 300, `create: ${made.status} ${made.text}`)
      const { id } = made.data
      const one = (await get(`${base}/${id}`)).data
      equal([one.status, one.max_retries, one.retry_max, one.timeout_secs, one.timeout_sec], ['active', 5, 5, 7, 7], base)
      isTrue(one.secret_masked && !one.secret, 'the secret is shown once')
      equal((await client.call('PUT', `${base}/${id}`, { ...one, status: 'inactive', events: 'a.*,b.*' })).status, 200, 'update')
      const changed = (await get(base)).data.find((row) => row.id === id)
      equal([changed.status, changed.active, changed.events], ['inactive', false, ['a.*', 'b.*']], 'changed')
      equal((await get(`${base}/stats`)).data.total, 1, 'stats')
      equal((await get(`${base}/${id}/logs?page=1&per_page=10`)).json.meta.pages, 0, 'pages')
      const nothing = '01a212d9-38e0-7ac8-8766-8fcb3fda137e'
      equal((await client.call('POST', `${base}/${id}/logs/${nothing}/replay`, {})).status, 404, 'replay')
      const gone = await client.call('DELETE', `${base}/${id}`)
      equal([gone.status, gone.json.success], [200, true], 'delete')
    }
  })

  row(23, 'the bell has its list and marks what was read', async () => {
    const told = await client.call('POST', '/notifications', { title: 'Told', message: 'm' })
    equal(told.status, 201, told.text)
    for (const base of ['/notifications', '/data/notifications/me', '/dynamic/notifications/me']) {
      const ask = `${base}?orderBy=created_at&orderDir=desc&per_page=20`
      equal((await get(ask)).data.map((one) => one.title), ['Told'], base)
      const answer = await client.call('PATCH', `${base}/${told.data.id}`, { is_read: true })
      equal([answer.status, answer.json.success], [200, true], base)
    }
    equal((await get('/notifications')).data[0].is_read, true)
  })

  row(24, 'what a row belongs to stands beside its id', async () => {
    const [one] = (await get('/data/probes?f_name=c')).data
    const owner = { label: client.user.name, value: client.user.id }
    equal(one.owner, owner, 'in a list')
    equal((await get(`/data/probes/${one.id}`)).data.owner, owner, 'by itself')
  })

  row(25, 'no page size is offered that the list does not serve', async () => {
    equal(table.perPageOptions, [10, 100])
    for (const size of table.perPageOptions)
      equal((await get(`/data/probes?per_page=${size}`)).json.meta.per_page, size)
  })

  row(26, 'whoever may read may index, and a page is told both', async () => {
    world.command(
      ['user', 'create', '--email', 'reader@contract.example.com', '--password-stdin', '--org', 'Contract', '--role', 'reader'],
      'a good password\n',
    )
    const reader = new Client(world.port())
    await reader.signIn('reader@contract.example.com', 'a good password')
    equal((await reader.call('GET', '/data/probes')).status, 403, 'before')
    world.command(['grant', 'add', '--org', 'Contract', '--role', 'reader', '--capability', 'probes.index'])
    equal((await reader.call('GET', '/data/probes')).status, 200, 'after')
    const { permissions } = (await reader.call('GET', '/permissions/me')).data
    for (const one of ['probes.index', 'probes.read', 'probes.export']) has(permissions.join(), one)
    equal(permissions.includes('probes.create'), false, 'create')
  })
}
