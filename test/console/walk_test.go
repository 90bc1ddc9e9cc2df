//go:build browser

package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"plumbline.dev/test/internal/npm"
	"plumbline.dev/test/internal/stack"
)

var errNoPoll = errors.New("no integration has been polled")

// demo runs plumb demo until it has results.
func demo(t *testing.T) *stack.Plumb {
	t.Helper()
	p, err := stack.New("demo", filepath.Join(t.TempDir(), "data"), "--interval", "1m")
	if err != nil {
		t.Fatal(err)
	}
	p.Start(t)
	p.AwaitReady(t)
	control, err := p.Control()
	if err != nil {
		t.Fatal(err)
	}
	stack.Until(t, time.Minute, "the first poll", func() error {
		var shown []struct {
			Poll *struct {
				Devices int `json:"devices"`
			} `json:"poll"`
		}
		err := control.Call(t.Context(), http.MethodGet, "/plumbline/status", nil, &shown)
		if err == nil && (len(shown) == 0 || shown[0].Poll == nil || shown[0].Poll.Devices == 0) {
			err = errNoPoll
		}
		return err
	})
	return p
}

// destination stores a destination that receives nothing, so that the walk finds one.
func destination(t *testing.T, p *stack.Plumb) {
	t.Helper()
	control, err := p.Control()
	if err != nil {
		t.Fatal(err)
	}
	body := map[string]any{"name": "chat", "url": "http://127.0.0.1:9/hook",
		"headers": []any{map[string]any{"name": "X-Key", "value": "secret"}}}
	if err := control.Call(t.Context(), http.MethodPost, "/plumbline/destinations", body, nil); err != nil {
		t.Fatal(err)
	}
}

func TestConsole(t *testing.T) {
	p := demo(t)
	destination(t, p)
	b := newTab(t, "http://"+p.Console)
	installed := npm.Installed(t, "axe", "axe")
	source, err := os.ReadFile(filepath.Join(installed, "..", "node_modules", "axe-core", "axe.min.js"))
	b.do(err)
	b.look(1440, "light")
	for _, path := range []string{"/login", "/logout", "/login/link?code=used"} {
		b.opens(path)
		b.examine(path, string(source))
	}
	b.login(p.Data, string(source))
	b.threshold()
	b.walk(string(source))
	b.keyboard()
}

// mostPages bounds the walk.
const mostPages = 60

// id is the part of a path naming a resource.
var id = regexp.MustCompile(`^([0-9a-f]{8}-?[0-9a-f-]{12,}|[0-9]+)$`)

// pattern returns a path with {id} in place of ids, and without a query: the walk examines one page of each.
func pattern(path string) string {
	u, err := url.Parse(path)
	if err != nil {
		return path
	}
	parts := strings.Split(u.Path, "/")
	for i, part := range parts {
		if id.MatchString(part) {
			parts[i] = "{id}"
		}
	}
	return strings.Join(parts, "/")
}

// links returns the links of a page to paths of the console.
const links = `[...document.querySelectorAll('a[href]')].filter(a => a.origin === location.origin && !a.download &&
  !/\/(export|live)$/.test(a.pathname)).map(a => a.pathname + a.search)`

// walk examines every page reachable from the first.
func (b *tab) walk(axe string) {
	seen, queue := map[string]bool{"/overview": true}, []string{"/overview"}
	for n := 0; len(queue) > 0 && n < mostPages; n++ {
		path := queue[0]
		queue = queue[1:]
		if status := b.opens(path); status != http.StatusOK {
			b.Errorf("%s: status %d", path, status)
			continue
		}
		b.until(path+" is live", `document.getElementById('live').dataset.state === 'on'`)
		for _, link := range script[[]string](b, links) {
			if p := pattern(link); !seen[p] && !strings.HasPrefix(p, "/assets/") && p != "/" {
				seen[p] = true
				queue = append(queue, link)
			}
		}
		b.examine(path, axe)
	}
	b.Logf("%d pages", len(seen))
	if len(seen) < 2 {
		b.Error("no page leads to another")
	}
}

// findings returns the findings of axe-core, as texts.
const findings = `axe.run(document, {resultTypes: ['violations']%s}).then(r => r.violations
  .filter(v => v.impact === 'serious' || v.impact === 'critical')
  .map(v => v.id + ': ' + v.help + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 200)).join(' | ')))`

// examine examines the current page.
func (b *tab) examine(path, axe string) {
	b.Helper()
	b.sound(path)
	if n := script[int](b, `document.querySelectorAll('h1').length`); n != 1 {
		b.Errorf("%s: %d headings of the first level", path, n)
	}
	script[bool](b, axe+"; true")
	name := strings.Trim(strings.NewReplacer("/", "-", "?", "-", "{", "", "}", "").Replace(pattern(path)), "-")
	for _, width := range []int64{1440, 360} {
		for _, scheme := range []string{"light", "dark"} {
			b.look(width, scheme)
			what := path + " in " + scheme + " at " + map[int64]string{1440: "1440", 360: "360"}[width] + " px"
			rules := ""
			if scheme == "dark" {
				rules = ", runOnly: ['color-contrast', 'link-in-text-block']" // the markup is the same
			}
			for _, found := range script[[]string](b, fmt.Sprintf(findings, rules)) {
				b.Errorf("%s: %s", what, found)
			}
			if wide := script[int](b, "document.documentElement.scrollWidth"); int64(wide) > width {
				b.Errorf("%s: %d px wide", what, wide)
			}
			b.picture(name + "-" + scheme + "-" + map[int64]string{1440: "wide", 360: "narrow"}[width])
		}
	}
	b.look(1440, "light")
}

// keyboard uses the first page by keyboard alone.
func (b *tab) keyboard() {
	b.opens("/overview")
	b.until("the page is live", `document.getElementById('live').dataset.state === 'on'`)
	b.keys(kb.Tab)
	if text := script[string](b, "document.activeElement.textContent"); text != "Skip to the content" {
		b.Errorf("the first Tab leads to %q", text)
	}
	want := script[int](b, `[...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')]
	  .filter(e => e.checkVisibility({visibilityProperty: true}) && !e.disabled).length`)
	reached := 1
	for ; reached < 500; reached++ {
		b.keys(kb.Tab)
		if script[bool](b, `document.activeElement === document.body`) {
			break
		}
		if !script[bool](b, `getComputedStyle(document.activeElement).outlineStyle !== 'none'`) {
			b.Errorf("no focus is seen at %s", script[string](b, "document.activeElement.outerHTML.slice(0, 200)"))
		}
	}
	if reached < want {
		b.Errorf("the keyboard reaches %d of %d controls", reached, want)
	}
	b.keys("k", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	b.until("the palette opens", `document.getElementById('palette').open`)
	b.keys("overv")
	b.until("the palette finds the page", `document.querySelector('#palette [aria-selected=true]')?.dataset.path === '/overview'`)
	b.keys(kb.Escape)
	b.until("Escape closes the palette", `!document.getElementById('palette').open`)
	b.opens("/login?next=/overview") // has a session: leads there
	b.keys("/")
	b.until("the palette opens again", `document.getElementById('palette').open`)
	b.keys("devices" + kb.Enter) // before the answer
	b.until("Enter goes to what was typed", `location.pathname === '/devices'`)
	b.sound("the palette")
}
