// SPDX-License-Identifier: Apache-2.0
// The page as its user sees it: a table, its menus, dialogs and toasts. Selectors are roles and texts
// that the published packages show; much of their text is Spanish whatever the language.
import { setTimeout as pause } from 'node:timers/promises'

import { Failure } from './check.js'

// What a page shows in the end: it may take several requests until it does.
export async function eventually(read, wanted, what, tries = 150) {
  const text = JSON.stringify(wanted)
  let got
  for (let i = 0; i < tries; i++) {
    got = await read()
    if (JSON.stringify(got) === text) return
    await pause(100)
  }
  throw new Failure(`${what}: got ${JSON.stringify(got)}, wanted ${text}`)
}

// The table is built anew whenever options, facets or rows arrive, by the socket too, and an open menu
// closes: a person opens it again, and so do tests, twice.
async function again(work) {
  for (let left = 2; ; left--) {
    try {
      return await work()
    } catch (error) {
      if (left === 0 || error.name !== 'TimeoutError') throw error
    }
  }
}

const QUICK = { timeout: 4000 }

export const signIn = async (page, email, password) => {
  await page.goto('/sign-in')
  await page.fill('input[name=email]', email)
  await page.fill('input[name=password]', password)
  await page.getByRole('button', { name: 'Entrar' }).click()
}

export class Table {
  constructor(page) {
    this.page = page
  }

  async headers() {
    await this.page.locator('thead th').nth(1).waitFor()
    const texts = await this.page.locator('thead th').allInnerTexts()
    return texts.map((text) => text.trim())
  }

  // One object per row, keyed by its column's header.
  async rows() {
    const headers = await this.headers()
    const rows = await this.page.locator('tbody tr').evaluateAll((all) =>
      all.map((row) => [...row.cells].map((cell) => cell.innerText.trim())),
    )
    return rows
      .filter((cells) => cells.length === headers.length)
      .map((cells) => Object.fromEntries(headers.map((header, i) => [header, cells[i]])))
  }

  async column(header) {
    return (await this.rows()).map((row) => row[header])
  }

  row(text) {
    return this.page.locator('tbody tr', { hasText: text })
  }

  header(text) {
    return this.page.locator('thead th', { hasText: text })
  }

  async chooseInRow(text, item) {
    await again(async () => {
      await this.settled()
      await this.row(text).locator('td').last().getByRole('button').click(QUICK)
      await this.page.getByRole('menuitem', { name: item }).click(QUICK)
    })
  }

  async sort(header, direction) {
    await again(async () => {
      await this.settled()
      await this.header(header).getByRole('button').first().click(QUICK)
      await this.page.getByRole('menuitem', { name: direction }).click(QUICK)
    })
  }

  async settled() {
    for (let quiet = 0; quiet < 5; quiet++) {
      await pause(100)
      if (this.page.open.size > 0) quiet = 0
    }
  }

  // fill(popover) says what is looked for, then it is applied.
  async filter(header, fill) {
    const popover = this.page.locator('[data-slot=popover-content]')
    await again(async () => {
      await this.settled()
      if (!(await popover.isVisible()))
        await this.header(header).getByRole('button').last().click(QUICK)
      await fill(popover)
      await popover.getByRole('button', { name: 'Aplicar' }).click(QUICK)
    })
    await popover.waitFor({ state: 'hidden' })
  }

  // Options that are chosen already stay so. Values that were counted end with their number.
  async filterOptions(header, ...labels) {
    await this.filter(header, async (popover) => {
      for (const label of labels)
        await popover.getByRole('option', { name: new RegExp(`^${label} ?\\d*$`) }).click(QUICK)
    })
  }

  async dialog() {
    const dialog = new Dialog(this.page, this.page.getByRole('dialog').last())
    await dialog.self.waitFor()
    return dialog
  }

  // The confirmation of a deletion.
  async confirm(button) {
    const box = this.page.getByRole('alertdialog')
    await box.getByRole('button', { name: button }).click()
    await box.waitFor({ state: 'hidden' })
  }

  async toast(text) {
    await this.page.locator('[data-sonner-toast]', { hasText: text }).first().waitFor()
  }
}

// A record's dialog: fields are found by their labels, which the page shows in capitals by style.
export class Dialog {
  constructor(page, self) {
    this.page = page
    this.self = self
  }

  field(label) {
    const exact = new RegExp(`^${label}\\*?$`)
    return this.self
      .locator('div.min-w-0', { has: this.page.locator('label', { hasText: exact }) })
      .last()
  }

  async fill(label, value) {
    await this.field(label).locator('input, textarea').first().fill(value)
  }

  async value(label) {
    return this.field(label).locator('input, textarea').first().inputValue()
  }

  async choose(label, option) {
    await this.field(label).getByRole('combobox').first().click()
    await this.page.getByRole('option', { name: option, exact: true }).click()
  }

  // A record of another model: opened, searched, chosen.
  async pick(label, search, option) {
    await this.field(label).getByRole('combobox').first().click()
    await this.page.locator('[data-slot=popover-content] input').fill(search)
    await this.page.getByRole('option', { name: option }).click()
  }

  async switch(label) {
    await this.field(label).getByRole('switch').click()
  }

  async pickDay(label, day) {
    await this.field(label).getByRole('button').first().click()
    const days = this.page.locator('[data-slot=calendar] td:not([data-outside]) button')
    await days.getByText(String(day), { exact: true }).click()
    await this.page.keyboard.press('Escape')
  }

  async press(button) {
    await this.self.getByRole('button', { name: button, exact: true }).click()
  }

  async closed() {
    await this.self.waitFor({ state: 'hidden' })
  }
}
