// SPDX-License-Identifier: Apache-2.0
// Tests, one sentence each; the last line is what script/test counts. Those of a suite follow one
// another, suites run side by side: a browser test waits most of its time.
const suites = new Map()

export function test(suite, name, run) {
  if (!suites.has(suite)) suites.set(suite, [])
  suites.get(suite).push({ name: `${suite}: ${name}`, run })
}

export class Failure extends Error {}

const short = (value) => {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text?.length > 600 ? `${text.slice(0, 600)}…` : text
}

export function equal(got, wanted, what = 'value') {
  if (JSON.stringify(got) !== JSON.stringify(wanted))
    throw new Failure(`${what}: got ${short(got)}, wanted ${short(wanted)}`)
}

export function has(text, part, what = 'text') {
  if (!String(text).includes(part)) throw new Failure(`${what}: ${short(text)} has no ${short(part)}`)
}

export function isTrue(claim, what) {
  if (!claim) throw new Failure(what)
}

const tally = { passed: 0, failed: 0 }

function report(name, error) {
  if (!error) {
    tally.passed++
    console.log(`ok - ${name}`)
    return
  }
  tally.failed++
  const text = error instanceof Failure ? error.message : (error.stack ?? String(error))
  const lines = text.split('\n').slice(0, 40)
  console.log([`not ok - ${name}`, ...lines.map((line) => `  ${line}`)].join('\n'))
}

async function runSuite(tests, onFailure) {
  for (const { name, run } of tests) {
    try {
      await run()
      report(name, null)
    } catch (error) {
      await onFailure(name)
      report(name, error)
    }
  }
}

// All tests are run, so that one fault does not hide the next.
export async function runAll({ only, onFailure }) {
  const chosen = [...suites].filter(([suite]) => !only || suite.includes(only))
  await Promise.all(chosen.map(([, tests]) => runSuite(tests, onFailure)))
  console.log(`${tally.passed} passed, ${tally.failed} failed`)
  return tally.failed === 0 && tally.passed > 0
}
