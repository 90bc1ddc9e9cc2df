//go:build browser

package console

import (
	"fmt"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// threshold moves the threshold of a check by pointer and by keyboard, and tries it over the posture log. Nothing is
// saved.
func (b *tab) threshold() {
	b.Helper()
	b.opens("/checks")
	b.opens(script[string](b, `document.querySelector('#checks tbody a').getAttribute('href')`))
	b.until("the page is live", `document.getElementById('live').dataset.state === 'on'`)
	mouse := func(kind input.DispatchMouseEventType, score float64) {
		at := script[[]float64](b, fmt.Sprintf(`(() => { const chart = document.querySelector('svg.hist');
		  const at = new DOMPoint(chart.dataset.step * %v, 100).matrixTransform(chart.getScreenCTM());
		  return [at.x, at.y] })()`, score+0.5))
		ctx, cancel := b.soon()
		defer cancel()
		b.do(chromedp.Do(ctx, chromedp.MouseEvent(kind, at[0], at[1], chromedp.ButtonLeft)))
	}
	script[bool](b, `document.querySelector('svg.hist').scrollIntoView({block: 'center'}); true`)
	mouse(chromedp.MousePressed, 50)
	b.until("the pointer sets the threshold", `document.getElementById('f-score').value === '50'`)
	b.until("the effect follows", `document.getElementById('effect').textContent.includes('At 50:')`)
	mouse(chromedp.MouseMoved, 80)
	b.until("the threshold follows the pointer", `document.getElementById('f-score').value === '80'`)
	mouse(chromedp.MouseReleased, 80)
	mouse(chromedp.MouseMoved, 20)
	b.until("the effect has the last threshold", `document.getElementById('effect').textContent.includes('At 80:')`)
	b.until("the outcomes are counted exactly", `document.getElementById('trial')?.textContent.includes('Exactly,')`)

	script[bool](b, `document.getElementById('f-score').focus(); true`)
	b.keys(kb.ArrowDown)
	b.until("a key sets the threshold", `document.getElementById('f-score').value === '79'`)
	b.until("the effect follows", `document.getElementById('effect').textContent.includes('At 79:')`)

	script[bool](b, `document.querySelector('[data-hx-target="#past"]').focus(); true`)
	b.keys(kb.Enter)
	b.until("the trial over the log ends", `document.getElementById('past')?.textContent.includes('Over 30 days:')`)
	b.until("the page is still live", `document.getElementById('live').dataset.state === 'on'`)
	b.sound("the page of a check")
	b.picture("check-changed")
}
