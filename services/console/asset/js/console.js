// Relative times, copying and the live sign.
const steps = [[60, 'second', 1], [3600, 'minute', 60], [86400, 'hour', 3600], [2592000, 'day', 86400],
  [31536000, 'month', 2592000], [Infinity, 'year', 31536000]]
const words = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })

function relative(at, now) {
  const seconds = Math.round((at - now) / 1000), size = Math.abs(seconds)
  if (size < 5) return 'just now'
  const [, unit, length] = steps.find(([below]) => size < below)
  return words.format(Math.trunc(seconds / length), unit)
}

function refresh() {
  const now = Date.now()
  for (const e of document.querySelectorAll('time[data-ago]')) {
    const text = relative(new Date(e.dateTime), now)
    if (e.textContent !== text) e.textContent = text
  }
}
refresh()
setInterval(refresh, 10000)
document.addEventListener('htmx:after:swap', () => {
  refresh()
  // A live tail keeps the newest rows.
  for (const e of document.querySelectorAll('[data-keep]')) {
    while (e.children.length > e.dataset.keep) e.lastElementChild.remove()
  }
})

document.addEventListener('click', async event => {
  const button = event.target.closest('[data-copy]')
  if (!button) return
  const from = document.getElementById(button.dataset.copy)
  await navigator.clipboard.writeText(from.textContent)
  const label = button.textContent
  button.textContent = 'Copied'
  setTimeout(() => { button.textContent = label }, 1500)
})

const sign = document.getElementById('live')
function live(state, text) {
  if (!sign) return
  sign.dataset.state = state
  sign.querySelector('span').textContent = text
}
// The page's own events only: a stream of one answer ends without meaning. The event "sign" has the server's word, which
// stays if the server then ends the events with a message.
const connection = (name, change) => document.addEventListener(name, event => {
  if (event.target.hasAttribute?.('data-hx-sse:connect')) change(event.detail)
})
connection('htmx:sse:after:connection', () => live('on', 'Live'))
connection('htmx:sse:error', () => live('off', 'Reconnecting'))
connection('sign', said => live(said.data === 'Live' ? 'on' : 'off', said.data))
connection('htmx:sse:close', end => { if (end.reason !== 'message') live('off', 'Not live') })

// A table or text that is wider than its place scrolls by keyboard too.
function reachable() {
  for (const e of document.querySelectorAll('.scroll, pre')) if (e.scrollWidth > e.clientWidth) e.tabIndex = 0
}
reachable()
addEventListener('resize', reachable)
document.addEventListener('htmx:after:swap', reachable)
