//go:build browser

package console

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"plumbline.dev/test/internal/stack"
)

// hand is a way to use a page: by mouse or by keyboard alone. It finds controls by the text that people see.
type hand interface {
	press(text string)          // follow a link, or press a button
	write(label, text string)   // write into a field, in place of what it has
	choose(label, begin string) // choose the option whose text begins so
}

// finder defines functions of the page: control and field find what people see by its text, topmost in an open dialog.
const finder = `window.plain = text => text.replace(/\s+/g, ' ').trim();
window.seen = all => [...all].filter(e => !e.disabled && e.checkVisibility({visibilityProperty: true}) &&
  (!document.querySelector('dialog:modal') || e.closest('dialog:modal')));
window.control = text => seen(document.querySelectorAll('a[href], button, summary'))
  .find(e => (e.getAttribute('aria-label') ?? plain(e.innerText)) === text);
window.field = label => seen(document.querySelectorAll('input, select, textarea'))
  .find(e => e.getAttribute('aria-label') === label || [...e.labels ?? []].some(l => plain(l.textContent) === label));
`

var errNotThere = errors.New("it is not there yet")

// reaches waits until an expression of the finder yields an element on a loaded page.
func (b *tab) reaches(what, find string) {
	b.Helper()
	b.sees(what, fmt.Sprintf(`document.readyState === 'complete' &&
	  (document.getElementById('live')?.dataset.state ?? 'on') === 'on' && !!%s`, find))
}

// sees waits until a script returns true, also while pages come and go.
func (b *tab) sees(what, text string) {
	b.Helper()
	stack.Until(b.T, 30*time.Second, what, func() error {
		found, err := b.asks(text)
		if err == nil && !found {
			ctx, cancel := b.soon()
			defer cancel()
			at, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + ': ' + document.body.innerText`))
			err = fmt.Errorf("%w: %.2000s", errNotThere, at)
		}
		return err
	})
}

// asks returns what a script returns. A page that goes meanwhile is an error.
func (b *tab) asks(text string) (bool, error) {
	ctx, cancel := b.soon()
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[bool](finder+text))
}

// mouse uses the mouse, and keys for text only.
type mouse struct{ *tab }

func (m mouse) press(text string) {
	m.Helper()
	m.click(text, fmt.Sprintf("control(%q)", text), 1)
}

func (m mouse) write(label, text string) {
	m.Helper()
	m.click(label, fmt.Sprintf("field(%q)", label), 3) // which selects what the field has
	m.keys(text)
}

// choose opens the list of options. The browser draws it within the page, where the mouse of the test reaches it.
func (m mouse) choose(label, begin string) {
	m.Helper()
	find := fmt.Sprintf("field(%q)", label)
	m.reaches(label, find)
	script[bool](m.tab, `{ const within = new CSSStyleSheet();
	  within.replaceSync('select, ::picker(select) { appearance: base-select }');
	  document.adoptedStyleSheets = [within] } true`)
	m.click(label, find, 1)
	m.click(begin, fmt.Sprintf("seen(%s.options).find(o => o.text.startsWith(%q))", find, begin), 1)
	m.sees(label+" is chosen", fmt.Sprintf(`%s.selectedOptions[0].text.startsWith(%q)`, find, begin))
}

// click turns the wheel until an element is in the window, and clicks on it.
func (m mouse) click(what, find string, count int) {
	m.Helper()
	m.reaches(what, find)
	var at []float64
	stack.Until(m.T, 30*time.Second, what+" can be clicked", func() error {
		// A control that something covers is out of reach: the place must belong to it.
		at = script[[]float64](m.tab, finder+fmt.Sprintf(`(() => {
		  const e = %s, r = e?.getBoundingClientRect(); if (!e) return [];
		  const x = r.x + r.width / 2, y = r.y + r.height / 2, top = document.elementFromPoint(x, y);
		  return [x, y, innerHeight / 2, e.contains(top) ? 1 : 0] })()`, find))
		if len(at) == 4 && at[3] == 1 {
			return nil
		}
		if len(at) == 4 && (at[1] < 0 || at[1] > 2*at[2]) {
			m.wheel(at[1] - at[2])
		}
		return fmt.Errorf("%w: %v", errNotThere, at)
	})
	ctx, cancel := m.soon()
	defer cancel()
	m.do(chromedp.Do(ctx, chromedp.MouseClickXY(at[0], at[1], chromedp.ClickCount(count))))
}

// wheel scrolls the page by some pixels.
func (m mouse) wheel(by float64) {
	m.Helper()
	ctx, cancel := m.soon()
	defer cancel()
	turn := func(p *input.DispatchMouseEventParams) { p.DeltaX, p.DeltaY = 0.01, by } // both are required
	m.do(chromedp.Do(ctx, chromedp.MouseEvent(input.DispatchMouseEventTypeMouseWheel, 700, 400, turn)))
}

// keyboard uses keys only.
type keyboard struct{ *tab }

func (k keyboard) press(text string) {
	k.Helper()
	k.reach(text, fmt.Sprintf("control(%q)", text))
	k.keys(kb.Enter)
}

func (k keyboard) write(label, text string) {
	k.Helper()
	k.reach(label, fmt.Sprintf("field(%q)", label))
	k.keys("a", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	k.keys(text)
}

func (k keyboard) choose(label, begin string) {
	k.Helper()
	find := fmt.Sprintf("field(%q)", label)
	k.reach(label, find)
	k.keys(kb.Home)
	for range script[int](k.tab, `document.activeElement.options.length`) {
		if strings.HasPrefix(script[string](k.tab, `document.activeElement.selectedOptions[0].text`), begin) {
			return
		}
		k.keys(kb.ArrowDown)
	}
	k.Fatalf("no option of %s begins with %q", label, begin)
}

// mostTabs bounds the way to a control.
const mostTabs = 300

// reach goes to an element with the Tab key, which must be visible there.
func (k keyboard) reach(what, find string) {
	k.Helper()
	k.reaches(what, find)
	if script[bool](k.tab, fmt.Sprintf(`document.activeElement === document.body && !!%s.closest('main')`, find)) {
		k.keys(kb.Tab + kb.Enter) // skips to the content
		k.sees("the focus is at the content", `document.activeElement.id === 'main'`)
	}
	for range mostTabs {
		if script[bool](k.tab, finder+fmt.Sprintf(`document.activeElement === %s`, find)) {
			k.sees("the focus is seen at "+what, `getComputedStyle(document.activeElement).outlineStyle !== 'none'`)
			return
		}
		k.keys(kb.Tab)
	}
	k.Fatalf("%s is not within %d Tabs", what, mostTabs)
}
