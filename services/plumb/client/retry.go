package client

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// maxAttempts is how often a request is sent while the server is too busy for it.
	maxAttempts = 8
	// maxWait bounds the wait before one attempt: the window of Cloudflare's rate limit.
	maxWait = 5 * time.Minute
	// longestBackoff bounds the wait where the server names none.
	longestBackoff = 30 * time.Second
)

// patient sends a request until the server is not too busy for it (429; if outages are waited out, of reads 502, 503
// and 504, too), or has been too often. It waits as long as the server asks for (api/README.md 1.3).
func (c *Client) patient(req *http.Request) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		resp, err := c.http.Do(req)
		if err != nil || attempt == maxAttempts || !c.again(req, resp) {
			return resp, err
		}
		wait, told := retryAfter(resp.Header, time.Now())
		if !told {
			wait = min(time.Second<<(attempt-1), longestBackoff)
		}
		if wait > maxWait {
			return resp, nil
		}
		if req.GetBody != nil {
			if req.Body, err = req.GetBody(); err != nil {
				return resp, nil
			}
		} else if req.Body != nil && req.Body != http.NoBody {
			return resp, nil // it was read, and cannot be read again
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
		resp.Body.Close()
		if err := c.wait(req.Context(), wait, fmt.Sprintf("%s answers %s", req.URL.Host, resp.Status)); err != nil {
			return nil, err
		}
	}
}

// again reports whether a request that was answered so may be sent again.
func (c *Client) again(req *http.Request, resp *http.Response) bool {
	if resp.Header.Get("X-Should-Retry") == "false" {
		return false
	}
	busy := []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
	return resp.StatusCode == http.StatusTooManyRequests || c.outages && req.Method == http.MethodGet && slices.Contains(busy, resp.StatusCode)
}

// retryAfter is how long a server asks to wait: in seconds, in milliseconds, or until a time.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms >= 0 && ms < 1e12 {
		return time.Duration(ms * float64(time.Millisecond)), true
	}
	text := strings.TrimSpace(h.Get("Retry-After"))
	if s, err := strconv.ParseFloat(text, 64); err == nil && s >= 0 && s < 1e9 {
		return time.Duration(s * float64(time.Second)), true
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now)), true
	}
	return 0, false
}

// sleep waits until the duration is over or ctx ends.
func sleep(ctx context.Context, d time.Duration, _ string) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// maxPages bounds the pages of a list.
const maxPages = 10_000

// pages joins the pages of a list. A server that ignores the page gives the same items again and again: the list ends
// with the first page that has nothing new.
type pages[T any] struct {
	all  []T
	seen map[string]bool
}

// add takes the items of a page, each with its key, and reports whether there may be more.
func (p *pages[T]) add(some []T, key func(T) string) (more bool) {
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	for _, one := range some {
		if k := key(one); !p.seen[k] {
			p.seen[k] = true
			p.all = append(p.all, one)
			more = true
		}
	}
	return more
}

func errEndless(path string) error {
	return fmt.Errorf("%s: the list has more than %d pages, or does not end", path, maxPages)
}

// keyOf is what tells an item of a list from the others.
func keyOf[T Named](i Item[T]) string { return cmp.Or(i.Value.ResourceID(), string(i.Raw)) }
