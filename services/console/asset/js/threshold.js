// The knob of a histogram. It sets a number input, which works by keyboard and by itself.
let dragged = ''

function move(event) {
  const chart = document.querySelector(`svg[data-threshold="${CSS.escape(dragged)}"]`), input = document.getElementById(dragged)
  if (!chart || !input) return
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(chart.getScreenCTM().inverse())
  const score = String(Math.min(100, Math.max(0, Math.floor(at.x / chart.dataset.step))))
  if (input.value === score) return
  input.value = score
  input.dispatchEvent(new Event('input', { bubbles: true }))
  const shift = score * chart.dataset.step - chart.querySelector('.thr').getAttribute('x1')
  chart.querySelector('.threshold').setAttribute('transform', `translate(${shift} 0)`)
}

document.addEventListener('pointerdown', event => {
  const chart = event.target.closest('svg[data-threshold]')
  if (!chart || event.button !== 0 || !chart.querySelector('.thr')) return
  event.preventDefault()
  dragged = chart.dataset.threshold
  move(event)
})
document.addEventListener('pointermove', event => { if (dragged) move(event) })
for (const end of ['pointerup', 'pointercancel']) document.addEventListener(end, () => { dragged = '' })
