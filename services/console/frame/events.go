package frame

import (
	"time"

	"plumbline.dev/services/console/live"
)

// events answers /live: named events without content, at most one of a kind each calmPeriod. A browser that was away
// has missed events, so it gets one of each kind.
func events(r *Request) error {
	subs := map[string]*live.Subscription{}
	for _, kind := range append([]string{live.Status}, r.URL.Query()["kind"]...) {
		if subs[kind] != nil {
			continue
		}
		sub, err := r.Subscribe(kind)
		if err != nil {
			return err
		}
		defer sub.Close()
		subs[kind] = sub
	}
	return r.merge(subs)
}

// notice is what merge sends: an event of a kind, a text of the live sign, or the end of a subscription.
type notice struct {
	kind, sign string
	over       *live.Subscription
}

// merge sends the kinds of events, each at most once a calmPeriod.
func (r *Request) merge(subs map[string]*live.Subscription) error {
	s := r.Stream()
	if !r.beat(s) || s.write("id: 1\n\n") != nil { // the browser shows the id when it connects again
		return nil
	}
	notices, missed := make(chan notice, len(subs)), r.Header.Get("Last-Event-ID") != ""
	for kind, sub := range subs {
		go r.calm(kind, sub, missed, notices)
	}
	beat := r.frame.deps.Clock.After(beatEvery)
	for {
		var err error
		select {
		case <-r.Context().Done():
			return nil
		case <-beat:
			if !r.beat(s) {
				return nil
			}
			beat = r.frame.deps.Clock.After(beatEvery)
		case n := <-notices:
			switch {
			case n.over != nil:
				r.over(s, n.over.Err())
				return nil
			case n.sign != "":
				err = s.sign(n.sign)
			default:
				err = s.Send(n.kind, "")
			}
		}
		if err != nil {
			return nil
		}
	}
}

// calm sends a notice after each event and at the end. Events within a calmPeriod are one; due is true if one was
// missed.
func (r *Request) calm(kind string, sub *live.Subscription, due bool, notices chan<- notice) {
	pause := closedTime()
	for events := sub.Events(); events != nil || due; {
		var ready <-chan time.Time
		if due {
			ready = pause
		}
		var n notice
		select {
		case <-r.Context().Done():
			return
		case e, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			switch e.Value.(type) {
			case live.Away:
				n.sign = signAway
			case live.Back:
				n.sign, due = signLive, true
			default:
				due = true
				continue
			}
		case <-ready:
			n.kind, due, pause = kind, false, r.frame.deps.Clock.After(calmPeriod)
		}
		if !r.notify(notices, n) {
			return
		}
	}
	r.notify(notices, notice{over: sub})
}

// notify sends a notice. It reports false if the browser left.
func (r *Request) notify(notices chan<- notice, n notice) bool {
	select {
	case notices <- n:
		return true
	case <-r.Context().Done():
		return false
	}
}

// closedTime returns a timer that has fired.
func closedTime() <-chan time.Time {
	c := make(chan time.Time)
	close(c)
	return c
}
