// Fills in a blank form with exceljs: node fill_exceljs.js BLANK.xlsx VALUES.json OUT.xlsx
// VALUES: [{sheet, cell, value}] for what is typed, [{sheet, cell, result}] for results of formulas that are kept.
const fs = require('fs')
const ExcelJS = require('exceljs')

async function main([blank, values, out]) {
  const book = new ExcelJS.Workbook()
  await book.xlsx.readFile(blank)
  for (const { sheet, cell, value, result } of JSON.parse(fs.readFileSync(values, 'utf8'))) {
    const target = book.getWorksheet(sheet).getCell(cell)
    target.value = result === undefined ? value : { formula: target.formula, result }
  }
  await book.xlsx.writeFile(out)
}

main(process.argv.slice(2))
