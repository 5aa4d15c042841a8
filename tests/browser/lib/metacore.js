// SPDX-License-Identifier: Apache-2.0
// The server under test, and a plain client beside the browser for what the browser shall find.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

// addons: folders, comma separated; more: further arguments.
export async function startServer(binary, folder, addons, more = []) {
  mkdirSync(folder, { recursive: true })
  const log = `${folder}/server.log`
  const out = openSync(log, 'w')
  const args = ['serve', '--dev', '--listen', '127.0.0.1:0', '--data', folder, '--addons', addons, ...more]
  const child = spawn(binary, args, { stdio: ['ignore', out, out] })
  const ended = new Promise((resolve) => child.on('exit', (code) => resolve(code ?? -1)))
  let isOver = false
  void ended.then(() => (isOver = true))
  for (let i = 0; i < 2000 && !isOver; i++) {
    const port = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(readFileSync(log, 'utf8'))?.[1]
    if (port) {
      const stop = () => {
        child.kill('SIGTERM')
        return ended
      }
      return { port: Number(port), log, stop }
    }
    await pause(10)
  }
  child.kill('SIGKILL')
  throw new Error(`the server did not start:\n${readFileSync(log, 'utf8')}`)
}

// The command line beside the running server: users and grants.
export function runCommand(binary, folder, args, input = '') {
  const done = spawnSync(binary, [...args, '--data', folder], { input, encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`${args.join(' ')}: ${done.stdout}${done.stderr}`)
  return done.stdout
}

export class Client {
  constructor(port) {
    this.base = `http://127.0.0.1:${port}/api`
    this.language = 'en'
  }

  async call(method, path, body, headers = {}) {
    const answer = await fetch(this.base + path, {
      method,
      headers: {
        'Accept-Language': this.language,
        ...(this.token && { Authorization: `Bearer ${this.token}` }),
        ...(body !== undefined && !(body instanceof FormData) && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      body: body === undefined || body instanceof FormData ? body : JSON.stringify(body),
    })
    const text = await answer.text()
    let json = null
    try {
      json = JSON.parse(text)
    } catch {
      // Some answers are no JSON: files.
    }
    return { status: answer.status, headers: answer.headers, text, json, data: json?.data }
  }

  async register(organization, email, password) {
    const body = { name: 'Ada Owner', email, password, organization_name: organization }
    const answer = await this.call('POST', '/auth/register', body)
    if (answer.status !== 201) throw new Error(`registration: ${answer.status} ${answer.text}`)
    this.token = answer.data.token
    this.user = answer.data.user
  }

  async signIn(email, password) {
    const answer = await this.call('POST', '/auth/login', { email, password })
    if (answer.status !== 200) throw new Error(`sign in: ${answer.status} ${answer.text}`)
    this.token = answer.data.token
    this.user = answer.data.user
  }

  async create(model, values) {
    const answer = await this.call('POST', `/dynamic/${model}`, values)
    if (answer.status !== 201) throw new Error(`create ${model}: ${answer.status} ${answer.text}`)
    return answer.data
  }
}
