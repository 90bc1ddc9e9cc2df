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
	// maxAttempts is how often a request is sent at most while the server is too busy.
	maxAttempts = 8
	// maxWait is the longest wait before an attempt: the window of Cloudflare's rate limit.
	maxWait = 5 * time.Minute
	// longestBackoff is the longest wait if the server asks for none.
	longestBackoff = 30 * time.Second
)

// patient repeats a request while the server is too busy, up to maxAttempts times: after 429, and if outages is set,
// after 502, 503 and 504 to a read, or to a write that the server says it did not make. It waits as long as the server
// asks for.
func (c *Client) patient(req *http.Request) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		resp, err := c.http.Do(req)
		if err != nil || c.once || attempt == maxAttempts || !c.again(req, resp) {
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
			return resp, nil // the body was read and cannot be sent again
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
		resp.Body.Close()
		if err := c.wait(req.Context(), wait, fmt.Sprintf("%s answered %s", req.URL.Host, resp.Status)); err != nil {
			return nil, err
		}
	}
}

// again reports whether a request may be repeated after a response.
func (c *Client) again(req *http.Request, resp *http.Response) bool {
	should := resp.Header.Get("X-Should-Retry")
	if should == "false" {
		return false
	}
	busy := []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
	return resp.StatusCode == http.StatusTooManyRequests || c.outages && slices.Contains(busy, resp.StatusCode) &&
		(req.Method == http.MethodGet || should == "true")
}

// retryAfter returns how long a server asks to wait: in seconds, in milliseconds, or until a time.
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

// sleep waits for a duration, or until ctx ends.
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

// maxPages is the number of pages of a list at most.
const maxPages = 10_000

// pages joins the pages of a list. If a server ignores the page number and repeats the same items, the list ends with
// the first page without a new item.
type pages[T any] struct {
	all  []T
	seen map[string]bool
}

// add adds the items of a page by their keys, and reports whether there may be more.
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
	return fmt.Errorf("%s: the list has more than %d pages", path, maxPages)
}

// keyOf returns the key of an item of a list.
func keyOf[T Named](i Item[T]) string { return cmp.Or(i.Value.ResourceID(), string(i.Raw)) }
