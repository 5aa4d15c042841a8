// SPDX-License-Identifier: Apache-2.0
// One origin for the page and the server under test, as a host's own web server gives it: files of
// the built app, everything below /api passed on untouched, sockets included.
import { readFile } from 'node:fs/promises'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }

async function answerFile(folder, url, res) {
  const name = path.normalize(new URL(url, 'http://page').pathname)
  for (const file of [name, 'index.html']) {
    try {
      const body = await readFile(path.join(folder, file))
      res.setHeader('Content-Type', TYPES[path.extname(file)] ?? 'application/octet-stream')
      res.end(body)
      return
    } catch {
      // Not a file: the app's router knows what the path means.
    }
  }
  res.writeHead(404).end()
}

function passOn(req, res, port) {
  const target = { port, host: '127.0.0.1', method: req.method, path: req.url, headers: req.headers }
  const out = http.request(target, (answer) => {
    res.writeHead(answer.statusCode, answer.headers)
    answer.pipe(res)
  })
  out.on('error', () => res.writeHead(502).end())
  req.pipe(out)
}

function passOnSocket(req, socket, head, port) {
  const out = net.connect(port, '127.0.0.1', () => {
    const lines = [`${req.method} ${req.url} HTTP/1.1`]
    for (let i = 0; i < req.rawHeaders.length; i += 2)
      lines.push(`${req.rawHeaders[i]}: ${req.rawHeaders[i + 1]}`)
    out.write(`${lines.join('\r\n')}\r\n\r\n`)
    out.write(head)
    out.pipe(socket)
    socket.pipe(out)
  })
  out.on('error', () => socket.destroy())
  // What the page still says has nobody to go to, but is read: its end stands behind it.
  out.on('close', () => socket.resume())
  socket.on('error', () => out.destroy())
}

export function openEdge(folder, port) {
  const edge = http.createServer((req, res) => {
    if (req.url.startsWith('/api/')) passOn(req, res, port)
    else void answerFile(folder, req.url, res)
  })
  const sockets = new Map() // each with its request
  edge.on('upgrade', (req, socket, head) => {
    sockets.set(socket, req)
    socket.on('close', () => sockets.delete(socket))
    passOnSocket(req, socket, head, port)
  })
  // As a proxy that was restarted.
  const dropSockets = () => {
    for (const socket of sockets.keys()) socket.destroy()
  }
  // The paths that requests with this cookie asked for.
  const openSockets = (cookie) =>
    [...sockets.values()]
      .filter((req) => req.headers.cookie === cookie)
      .map((req) => new URL(req.url, 'http://page').pathname)
  return new Promise((resolve) => {
    edge.listen(0, '127.0.0.1', () => {
      const close = () => {
        edge.close()
        edge.closeAllConnections()
      }
      resolve({ origin: `http://127.0.0.1:${edge.address().port}`, close, dropSockets, openSockets })
    })
  })
}
