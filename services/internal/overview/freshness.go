package overview

import (
	"time"

	"plumbline.dev/proto"
)

// The characters of [Overview.Freshness].
const (
	FreshNoPage   = '.' // the number is not in use
	FreshUnpolled = '-' // never polled
	FreshThis     = '0' // has the newest poll
	FreshOne      = '1' // one poll behind
	FreshTwo      = '2' // two or more polls behind
	FreshOverdue  = '3' // no poll within twice the interval
	FreshFailed   = 'e' // the newest call failed
)

// Freshness returns how recent the newest answer about each page of an integration is: one character for each page,
// from page 0. Its rules are those of [Judge].
func (o *Overview) Freshness(a proto.Account, i *proto.Integration, now time.Time) string {
	o.mu.RLock()
	defer o.mu.RUnlock()
	pages := o.pages[integration{a, i.ID}]
	size, tick, newest := 0, uint64(0), proto.Millis(0)
	for n, p := range pages {
		if p.Summary.Closed {
			continue
		}
		size = max(size, int(n)+1)
		if p.Summary.Tick > tick {
			tick, newest = p.Summary.Tick, 0
		}
		if p.Summary.Tick == tick {
			newest = earlier(newest, p.Summary.PolledAt)
		}
	}
	text := make([]byte, size)
	for n := range text {
		text[n] = FreshNoPage
	}
	for n, p := range pages {
		if !p.Summary.Closed {
			text[n] = p.freshness(i, tick, newest, now)
		}
	}
	return string(text)
}

// freshness returns the character of a page. newest is when the first scores of tick, the newest of the integration,
// were stored.
func (p *Page) freshness(i *proto.Integration, tick uint64, newest proto.Millis, now time.Time) byte {
	at := max(earlier(p.Summary.PolledAt, p.Since), i.CreatedAt, i.ScheduledAt)
	overdue := !i.Paused && i.Interval > 0 && now.Sub(at.Time()) > 2*i.Interval
	switch {
	case overdue:
		return FreshOverdue
	case p.Summary.PolledAt == 0:
		return FreshUnpolled
	case p.Summary.Error != proto.ReasonNone:
		return FreshFailed
	case p.Summary.Tick == tick:
		return FreshThis
	case newest.Time().Sub(p.Summary.PolledAt.Time()) > i.Interval*3/2:
		return FreshTwo
	}
	return FreshOne
}
