// The palette: Ctrl-K or "/" opens it, arrows choose, Enter goes there.
const palette = document.getElementById('palette')
if (palette) {
  const input = document.getElementById('palette-input')
  const rows = () => [...palette.querySelectorAll('[role=option]')]
  const list = () => document.getElementById('palette-list')
  const go = row => { if (row?.dataset.path) location.assign(row.dataset.path) }
  let shown = list() // the newest answer
  let goes = false // Enter was pressed before the answer for the typed text came

  function select(row) {
    for (const r of rows()) r.setAttribute('aria-selected', String(r === row))
    if (row) { input.setAttribute('aria-activedescendant', row.id); row.scrollIntoView({ block: 'nearest' }) } else input.removeAttribute('aria-activedescendant')
  }
  function open() {
    goes = false
    palette.showModal()
    input.select()
    htmx.trigger(input, 'palette')
  }
  document.getElementById('palette-open').addEventListener('click', open)
  document.addEventListener('keydown', event => {
    const typing = event.target.closest?.('input, select, textarea, [contenteditable]')
    if ((event.ctrlKey || event.metaKey) && event.key === 'k' || event.key === '/' && !typing) {
      event.preventDefault()
      if (!palette.open) open()
    }
  })
  input.addEventListener('keydown', event => {
    const all = rows(), at = all.findIndex(r => r.getAttribute('aria-selected') === 'true')
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (move && all.length) {
      event.preventDefault()
      select(all[(at + move + all.length) % all.length])
    } else if (event.key === 'Enter') {
      event.preventDefault()
      goes = list().dataset.text !== input.value
      if (!goes) go(all[Math.max(at, 0)])
    } else goes = false
  })
  palette.addEventListener('click', event => {
    const row = event.target.closest('[role=option]')
    if (row) go(row)
    else if (event.target === palette) palette.close()
  })
  document.addEventListener('htmx:after:swap', () => {
    if (!palette.open || list() === shown) return // another part of the page
    shown = list()
    select(rows()[0])
    if (goes && shown.dataset.text === input.value) go(rows()[0])
  })
}
