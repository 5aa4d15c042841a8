// SPDX-License-Identifier: Apache-2.0
// Deliveries of ours as receivers check them: by the Standard Webhooks library from npm.
import { createServer } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'

import { Webhook, WebhookVerificationError } from 'standardwebhooks'

import { equal, isTrue, test } from './lib/check.js'
import { Client, startServer } from './lib/metacore.js'

// Keeps what it is sent, as it came.
async function openReceiver() {
  const deliveries = []
  const server = createServer((request, response) => {
    const parts = []
    request.on('data', (part) => parts.push(part))
    request.on('end', () => {
      deliveries.push({ headers: request.headers, body: Buffer.concat(parts).toString('utf8') })
      response.end('ok')
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const next = async (count) => {
    for (let i = 0; i < 1000 && deliveries.length < count; i++) await pause(20)
    isTrue(deliveries.length >= count, `${count} deliveries, not ${deliveries.length}`)
    return deliveries[count - 1]
  }
  return { url: `http://127.0.0.1:${server.address().port}/hook`, next, close: () => server.close() }
}

// The secret's text is the key's bytes; the library takes them in base64.
const verifier = (secret) => new Webhook(`whsec_${Buffer.from(secret).toString('base64')}`)

function refuses(secret, body, headers, what) {
  let error
  try {
    verifier(secret).verify(body, headers)
  } catch (thrown) {
    error = thrown
  }
  isTrue(error instanceof WebhookVerificationError, `${what} was taken`)
}

export function webhooks({ binary, folder, addons }) {
  const say = (sentence, run) => test('webhooks', sentence, run)

  say('the Standard Webhooks library takes what we send, and nothing that was changed', async () => {
    const receiver = await openReceiver()
    const server = await startServer(binary, `${folder}/webhooks`, addons, ['--allow-private-egress'])
    const owner = new Client(server.port)
    await owner.signIn('owner@example.com', 'metacore-demo')
    const made = await owner.call('POST', '/webhooks', { name: 'npm', url: receiver.url, events: ['*'] })
    equal(made.status, 200, `webhook: ${made.text}`)
    const { id, secret } = made.data

    await owner.create('tickets', { subject: 'Grüße €' })
    const first = await receiver.next(1)
    equal(verifier(secret).verify(first.body, first.headers).after.subject, 'Grüße €', 'subject')
    refuses(secret, first.body.replace('€', '$'), first.headers, 'another body')
    refuses(secret, first.body, { ...first.headers, 'webhook-id': 'msg_1' }, 'another id')
    const old = String(Number(first.headers['webhook-timestamp']) - 600)
    refuses(secret, first.body, { ...first.headers, 'webhook-timestamp': old }, 'another time')
    refuses(`${secret.slice(1)}0`, first.body, first.headers, 'another secret')

    const rotated = await owner.call('POST', `/webhooks/${id}/rotate-secret`, { grace_sec: 600 })
    equal(rotated.status, 200, `rotation: ${rotated.text}`)
    await owner.create('tickets', { subject: 'While it lasts' })
    const second = await receiver.next(2)
    for (const one of [secret, rotated.data.secret]) verifier(one).verify(second.body, second.headers)
    isTrue(rotated.data.secret !== secret, 'the secret is another one')

    receiver.close()
    equal(await server.stop(), 0, "the server's end")
  })
}
