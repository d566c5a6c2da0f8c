// Fills in a blank form with xlsx (SheetJS): node fill_xlsx.js BLANK.xlsx VALUES.json OUT.xlsx
// VALUES: [{sheet, cell, value}] for what is typed, [{sheet, cell, result}] for results of formulas that are kept.
const fs = require('fs')
const XLSX = require('xlsx')

const [blank, values, out] = process.argv.slice(2)
const book = XLSX.readFile(blank, { cellFormula: true, cellStyles: true })
for (const { sheet, cell, value, result } of JSON.parse(fs.readFileSync(values, 'utf8'))) {
  const here = book.Sheets[sheet]
  const stands = result === undefined ? value : result
  const made = { t: typeof stands === 'number' ? 'n' : 's', v: stands }
  if (result !== undefined && here[cell]) made.f = here[cell].f
  here[cell] = made
}
XLSX.writeFile(book, out, { bookType: 'xlsx', compression: true })
