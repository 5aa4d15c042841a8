// SPDX-License-Identifier: Apache-2.0
// What a browser does with a push message, by node's own cryptography: reads a file of three lines
// (the endpoint, the Authorization header, the body in hexadecimal), verifies the token, decrypts the
// body for RFC 8291's example subscription, and prints the text.
const crypto = require('node:crypto')
const fs = require('node:fs')

const [endpoint, authorization, hex] = fs.readFileSync(process.argv[2], 'utf8').split('\n')
const body = Buffer.from(hex, 'hex')

const [, token, key] = /^vapid t=([^,]+), k=(.+)$/.exec(authorization)
const [head, claims, signature] = token.split('.')
const point = Buffer.from(key, 'base64url')
const publicKey = crypto.createPublicKey({
  format: 'jwk',
  key: { kty: 'EC', crv: 'P-256', x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url') },
})
const signed = Buffer.from(`${head}.${claims}`)
if (!crypto.verify('sha256', signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')))
  throw new Error('the token is not signed by its key')
const { aud, exp } = JSON.parse(Buffer.from(claims, 'base64url'))
if (aud !== new URL(endpoint).origin) throw new Error(`the token is for ${aud}`)
if (!(exp > Date.now() / 1000 && exp <= Date.now() / 1000 + 86400)) throw new Error(`the token ends at ${exp}`)

const auth = Buffer.from('BTBZMqHH6r4Tts7J_aSIgg', 'base64url')
const ecdh = crypto.createECDH('prime256v1')
ecdh.setPrivateKey(Buffer.from('q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94', 'base64url'))
const salt = body.subarray(0, 16)
const sender = body.subarray(21, 21 + body[20])
const info = Buffer.concat([Buffer.from('WebPush: info\0'), ecdh.getPublicKey(), sender])
const ikm = crypto.hkdfSync('sha256', ecdh.computeSecret(sender), auth, info, 32)
const cek = crypto.hkdfSync('sha256', ikm, salt, 'Content-Encoding: aes128gcm\0', 16)
const nonce = crypto.hkdfSync('sha256', ikm, salt, 'Content-Encoding: nonce\0', 12)
const sealed = body.subarray(21 + body[20])
const open = crypto.createDecipheriv('aes-128-gcm', Buffer.from(cek), Buffer.from(nonce))
open.setAuthTag(sealed.subarray(-16))
const plain = Buffer.concat([open.update(sealed.subarray(0, -16)), open.final()])
const end = plain.lastIndexOf(2)
console.log(plain.subarray(0, end).toString('utf8'))
