//go:build browser

package console

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"plumbline.dev/test/internal/chromium"
	"plumbline.dev/test/internal/stack"
)

// tab is a tab of a browser.
type tab struct {
	*testing.T
	ctx  context.Context
	base string // URL of the console

	mu     sync.Mutex
	errors []string // uncaught errors of scripts
}

// violations collects what the Content Security Policy blocked, for window.blocked.
const violations = `window.blocked = [];
addEventListener('securitypolicyviolation', e => blocked.push(e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sample))`

func newTab(t *testing.T, base string) *tab {
	t.Helper()
	b := &tab{T: t, base: base}
	b.ctx = chromium.Start(t, func(ctx context.Context) {
		if t.Failed() {
			b.picture("failed")
		}
	})
	b.do(chromedp.Listen(b.ctx, func(event any) {
		if e, ok := event.(*runtime.EventExceptionThrown); ok {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.errors = append(b.errors, e.ExceptionDetails.Text+" "+describe(e.ExceptionDetails))
		}
	}))
	_, err := chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument,
		page.AddScriptToEvaluateOnNewDocumentParams{Source: violations})
	b.do(err)
	// As in the window that somebody works in.
	_, err = chromedp.Call(b.ctx, emulation.SetFocusEmulationEnabled,
		emulation.SetFocusEmulationEnabledParams{Enabled: true})
	b.do(err)
	return b
}

func (b *tab) do(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// soon bounds an action.
func (b *tab) soon() (context.Context, context.CancelFunc) {
	return context.WithTimeout(b.ctx, 30*time.Second*stack.Slowness())
}

// opens loads a page and returns its status.
func (b *tab) opens(path string) int {
	b.Helper()
	ctx, cancel := b.soon()
	defer cancel()
	resp, err := chromedp.RunResponse(ctx, chromedp.Navigate(b.base+path))
	if err != nil {
		b.Fatalf("%s: %v", path, err)
	}
	return int(resp.Status)
}

// script returns the result of a script.
func script[T any](b *tab, text string) T {
	b.Helper()
	ctx, cancel := b.soon()
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](text, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatalf("%.200s: %v", text, err)
	}
	return v
}

// until waits until a script returns true.
func (b *tab) until(what, text string) {
	b.Helper()
	stack.Until(b.T, 30*time.Second, what, func() error {
		if !script[bool](b, text) {
			return fmt.Errorf("not yet; the page is %s", script[string](b, "location.href"))
		}
		return nil
	})
}

// keys presses keys, one after the other, as a keyboard does: after a rawKeyDown that a page prevented, no character
// follows. After chromedp's keyDown it does at times, under load.
func (b *tab) keys(keys string, options ...chromedp.KeyOption) {
	b.Helper()
	ctx, cancel := b.soon()
	defer cancel()
	options = append(options, func(k *input.DispatchKeyEventParams) {
		if k.Type == kb.KeyDown {
			k.Type = kb.KeyRawDown
		}
	})
	b.do(chromedp.Do(ctx, chromedp.KeyEvent(keys, options...)))
}

// look sets the width of the window and the colour scheme.
func (b *tab) look(width int64, scheme string) {
	b.Helper()
	ctx, cancel := b.soon()
	defer cancel()
	_, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride,
		emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1})
	b.do(err)
	_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"}}})
	b.do(err)
	// The page hears of its size before the next frame.
	script[bool](b, `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`)
}

// sound fails the test if the page violated its policy or a script failed.
func (b *tab) sound(what string) {
	b.Helper()
	if blocked := script[[]string](b, "window.blocked"); len(blocked) > 0 {
		b.Errorf("%s: the Content Security Policy blocked %q", what, blocked)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.errors) > 0 {
		b.Errorf("%s: errors of scripts: %q", what, b.errors)
	}
	b.errors = nil
}

// picture keeps a screenshot.
func (b *tab) picture(name string) {
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(b.ArtifactDir(), name+".png"), png, 0o600)
	}
	if err != nil {
		b.Logf("no picture: %v", err)
	}
}

// link opens a one-time link for the holder of the first API token.
func (b *tab) link(data string) {
	b.Helper()
	token, err := os.ReadFile(filepath.Join(data, "api-token"))
	b.do(err)
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, b.base+"/login/link", nil)
	b.do(err)
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	resp, err := http.DefaultClient.Do(r)
	b.do(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	b.do(err)
	_, path, _ := strings.Cut(string(body), `"path":"`)
	path, _, found := strings.Cut(path, `"`)
	if !found {
		b.Fatalf("no link: %s", body)
	}
	if status := b.opens(path); status != http.StatusOK {
		b.Fatalf("the link: status %d", status)
	}
}

// login logs in with a one-time link.
func (b *tab) login(data, axe string) {
	b.Helper()
	b.link(data)
	b.examine("/login/link", axe)
	ctx, cancel := b.soon()
	defer cancel()
	clicked, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS("form[action='/login/use'] button")))
	if err != nil || clicked.Status != http.StatusOK {
		b.Fatalf("the button of the link: %v, %v", clicked, err)
	}
}

func describe(e *runtime.ExceptionDetails) string {
	if e.Exception == nil {
		return e.URL
	}
	return e.Exception.Description
}
