// Package tabs opens pages of a console as browsers do: a person logs in, and a tab loads a page, follows its live
// events and loads the part of the page that they name.
package tabs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Browser is the browser of a person. It is safe for concurrent use.
type Browser struct {
	console string // URL
	http    *http.Client

	// Events counts the events with content, Loads the parts that were loaded for an event, and Rows the rows of
	// tables in events.
	Events, Loads, Rows atomic.Int64

	tabs sync.WaitGroup
	mu   sync.Mutex
	err  error
}

// Page is a page with live events.
type Page struct {
	Path, Events string
	// Part is the id of the element that is loaded again after the event "status"; empty: none.
	Part string
}

// The pages that people leave open.
var (
	Tail     = Page{Path: "/logs/posture?tail=on", Events: "/logs/posture/live?tail=on"}
	Overview = Page{Path: "/overview", Events: "/live", Part: "now"}
)

// Login returns the browser of the person with an API token.
func Login(ctx context.Context, console, token string) (*Browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	b := &Browser{console: console, http: &http.Client{Jar: jar, Transport: &http.Transport{MaxIdleConnsPerHost: 4}}}
	form := strings.NewReader(url.Values{"token": {token}, "next": {"/start"}}.Encode())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, console+"/login", form)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := b.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || len(jar.Cookies(r.URL)) == 0 {
		return nil, fmt.Errorf("the login of a person: %s", resp.Status)
	}
	return b, nil
}

// Open opens a page in a tab of its own, which is closed with ctx. It returns once the page follows its events.
func (b *Browser) Open(ctx context.Context, p Page) error {
	if err := b.load(ctx, p.Path, ""); err != nil {
		return err
	}
	events, err := b.get(ctx, p.Events, "connect")
	if err != nil {
		return err
	}
	b.tabs.Go(func() {
		defer events.Body.Close()
		if err := b.follow(ctx, p, events.Body); ctx.Err() == nil {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.err = errors.Join(b.err, fmt.Errorf("%s: the live events ended: %w", p.Path, err))
		}
	})
	return nil
}

// Wait waits until the tabs are closed. It returns an error if events ended before.
func (b *Browser) Wait() error {
	b.tabs.Wait()
	b.http.CloseIdleConnections()
	return b.err
}

// follow reads events until they end.
func (b *Browser) follow(ctx context.Context, p Page, events io.Reader) error {
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, 16<<20)
	name := ""
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case field == "event":
			name = value
		case field == "data":
			b.Rows.Add(int64(strings.Count(value, "<tr>")))
		case lines.Text() == "":
			b.Events.Add(1)
			if name == "end" {
				return errors.New("the console ended them")
			}
			if name == "status" && p.Part != "" {
				b.Loads.Add(1)
				if err := b.load(ctx, p.Path, p.Part); err != nil {
					return err
				}
			}
			name = ""
		}
	}
	return errors.Join(lines.Err(), io.ErrUnexpectedEOF)
}

// load loads a page, or a part of it.
func (b *Browser) load(ctx context.Context, path, part string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	resp, err := b.get(ctx, path, part)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

func (b *Browser) get(ctx context.Context, path, part string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.console+path, nil)
	if err != nil {
		return nil, err
	}
	if part != "" {
		r.Header.Set("HX-Request", "true")
		r.Header.Set("HX-Target", "div#"+part)
	}
	resp, err := b.http.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("%s: %s", path, resp.Status)
	}
	return resp, nil
}
