package fetcher

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"plumbline.dev/proto"
)

// maxPause bounds the pause after a Retry-After of an API.
const maxPause = 24 * time.Hour

// pauses remembers the APIs with a Retry-After, and its end. Until then they receive no request, about any page, not
// even for a manual tick. Another URL or other credentials end a pause.
type pauses struct {
	mu   sync.Mutex
	held map[ref]pause
}

type pause struct {
	until                 time.Time
	status                int // the API's response status
	url, clientID, secret string
}

// begin records an API's Retry-After.
func (p *pauses) begin(of ref, at *target, status int, now time.Time, after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	until := now.Add(min(after, maxPause))
	if k := p.held[of]; k.is(at) && !k.until.Before(until) {
		return
	}
	if p.held == nil {
		p.held = map[ref]pause{}
	}
	p.held[of] = pause{until, status, at.url.String(), at.clientID, at.secret}
}

// problem returns the reason an API is not called now, with its last status, or nil if it may be called.
func (p *pauses) problem(of ref, at *target, now time.Time) (*problem, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k, found := p.held[of]
	if !found {
		return nil, 0
	}
	if !k.is(at) || !now.Before(k.until) {
		delete(p.held, of)
		return nil, 0
	}
	return &problem{reason: proto.ReasonAPIError, retry: true, after: k.until.Sub(now),
		sentence: fmt.Sprintf("The API answered %d %s before and asked to be left alone until %s: it was not asked.",
			k.status, http.StatusText(k.status), k.until.UTC().Format(time.RFC3339))}, k.status
}

func (p *pauses) forget(of ref) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.held, of)
}

// is reports whether a pause is of a target as it is now.
func (k *pause) is(at *target) bool {
	return k.url == at.url.String() && k.clientID == at.clientID && k.secret == at.secret
}
