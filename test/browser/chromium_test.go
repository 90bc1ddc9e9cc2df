//go:build browser

package browser

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"plumbline.dev/test/internal/chromium"
	"plumbline.dev/test/internal/stack"
)

// tab is a page of a browser with an empty profile.
type tab struct {
	testing.TB
	ctx context.Context
}

func newTab(t *testing.T) *tab {
	t.Helper()
	b := &tab{TB: t}
	b.ctx = chromium.Start(t, func(ctx context.Context) {
		if t.Failed() {
			b.picture(ctx, t.ArtifactDir())
		}
	})
	return b
}

// picture saves a screenshot.
func (b *tab) picture(ctx context.Context, dir string) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	url, err1 := chromedp.Run(ctx, chromedp.Location())
	text, err2 := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText : ""`))
	png, err3 := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	path := filepath.Join(dir, "failed.png")
	if err3 == nil {
		err3 = os.WriteFile(path, png, 0o600)
	}
	b.Logf("the browser is at %s, a picture at %s, %v:\n%s", url, path, errors.Join(err1, err2, err3), text)
}

// page is the current page of a browser.
type page struct {
	Status    int64
	URL, Text string
}

// does acts, and gives the page that the last navigation because of it led to: the end of all redirects.
func (b *tab) does(what string, actions ...action) page {
	b.Helper()
	ctx, cancel := b.soon()
	defer cancel()
	resp, err := chromedp.RunResponse(ctx, actions...)
	if err != nil {
		b.Fatalf("%s: %v", what, err)
	}
	return page{Status: resp.Status, URL: b.url(), Text: b.text("body")}
}

type action = chromedp.Action[chromedp.Void]

func (b *tab) soon() (context.Context, context.CancelFunc) {
	return context.WithTimeout(b.ctx, 20*time.Second*stack.Slowness())
}

// run acts without going to another page, or waiting for it.
func (b *tab) run(what string, actions ...action) {
	b.Helper()
	ctx, cancel := b.soon()
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.Fatalf("%s: %v", what, err)
	}
}

// ask returns the result of a script in the page.
func ask[T any](b *tab, what string, question chromedp.Action[T]) T {
	b.Helper()
	ctx, cancel := b.soon()
	defer cancel()
	v, err := chromedp.Run(ctx, question)
	if err != nil {
		b.Fatalf("%s: %v", what, err)
	}
	return v
}

func (b *tab) url() string {
	b.Helper()
	return ask(b, "location", chromedp.Location())
}

// script runs one in the page.
func (b *tab) script(text string) string {
	b.Helper()
	return ask(b, text, chromedp.Evaluate[string](text))
}

func (b *tab) opens(url string) page {
	b.Helper()
	return b.does("open "+url, chromedp.Navigate(url))
}

func (b *tab) clicks(selector string) page {
	b.Helper()
	return b.does("click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// text returns the text of an element.
func (b *tab) text(selector string) string {
	b.Helper()
	return ask(b, selector, chromedp.Text(chromedp.CSS(selector)))
}

// logsIn fills in the provider's form.
func (b *tab) logsIn(login, password string) page {
	b.Helper()
	b.run("the provider's form", chromedp.SetValue(chromedp.CSS("#login"), login),
		chromedp.SetValue(chromedp.CSS("#password"), password))
	return b.clicks("#submit")
}

// is fails the test if the page is not the expected one.
func (b *tab) is(what string, p page, status int, url, text string) {
	b.Helper()
	if p.Status != int64(status) || !strings.HasPrefix(p.URL, url) || !strings.Contains(p.Text, text) {
		b.Fatalf("%s: %d at %s, want %d at %s... with %q:\n%s", what, p.Status, p.URL, status, url, text, p.Text)
	}
}

// cookies returns the cookies sent with a request for a URL, by name.
func (b *tab) cookies(url string) map[string]*network.Cookie {
	b.Helper()
	ctx, cancel := b.soon()
	defer cancel()
	all, err := chromedp.Call(ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{url}})
	if err != nil {
		b.Fatalf("cookies: %v", err)
	}
	found := map[string]*network.Cookie{}
	for _, c := range all.Cookies {
		if found[c.Name] != nil {
			b.Errorf("the cookie %s is there twice", c.Name)
		}
		found[c.Name] = c
	}
	return found
}

// asCookie returns the header for sending a cookie without a browser.
func asCookie(c *network.Cookie) []string {
	return []string{"Cookie", (&http.Cookie{Name: c.Name, Value: c.Value}).String()}
}
