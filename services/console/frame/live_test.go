package frame_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/live"
	"plumbline.dev/services/internal/clock"
)

func statusOnly(c clock.Clock) map[string]live.Source {
	return map[string]live.Source{live.Status: live.PollStatus(c)}
}

// answers is a route that answers with a status, which the test changes.
type answers struct{ status atomic.Int64 }

func (a *answers) serve(w http.ResponseWriter, r *http.Request) {
	switch status := int(a.status.Load()); status {
	case http.StatusOK:
		consoletest.Answer([]any{})(w, r)
	case http.StatusUnauthorized:
		consoletest.Revoked(w, r)
	default:
		consoletest.Refuse(status, "no")(w, r)
	}
}

func newAnswers(t *testing.T, status int64) (*answers, *consoletest.Console) {
	a := new(answers)
	a.status.Store(status)
	return a, consoletest.NewLive(t, map[string]http.HandlerFunc{"GET /plumbline/status": a.serve}, statusOnly, empty)
}

const (
	saysAway = "event: sign\ndata: Reconnecting\n"
	saysLive = "event: sign\ndata: Live\n"
	saysEnd  = "event: end\ndata: \n\n"
)

// The sign of a page follows whether the API answers, and a page loads again what it may have missed.
func TestTheSignFollowsTheAPI(t *testing.T) {
	a, c := newAnswers(t, http.StatusOK)
	events := c.Follow("/live")
	bustest.Eventually(t, "it is live", func() bool { return len(c.Asked(http.MethodGet)) > 0 })
	a.status.Store(http.StatusServiceUnavailable)
	bustest.Eventually(t, "the API is away", func() bool {
		c.Clock.Advance(3 * time.Second)
		return strings.Contains(events.Text(), saysAway)
	})
	if strings.Contains(events.Text(), "event: status") {
		t.Errorf("%s", events.Text())
	}
	late := c.Follow("/live")
	bustest.Eventually(t, "another tab sees it too", func() bool { return strings.Contains(late.Text(), saysAway) })
	a.status.Store(http.StatusOK)
	for _, tab := range []*consoletest.Events{events, late} {
		bustest.Eventually(t, "the API is back", func() bool {
			c.Clock.Advance(30 * time.Second)
			return strings.Contains(tab.Text(), saysLive) && strings.Contains(tab.Text(), "event: status")
		})
	}
}

// A browser that connects again has missed events, and one that connects at first has not.
func TestABrowserThatWasAway(t *testing.T) {
	_, c := newAnswers(t, http.StatusOK)
	first := c.Follow("/live")
	bustest.Eventually(t, "it connects", func() bool { return strings.Contains(first.Text(), "id: 1\n") })
	again := c.Follow("/live", "Last-Event-ID", "1")
	bustest.Eventually(t, "it loads again", func() bool { return strings.Contains(again.Text(), "event: status\n") })
	if strings.Contains(first.Text(), "event: status") {
		t.Errorf("%s", first.Text())
	}
}

// A person who may not read the status, or no longer has a credential, does not connect again and again.
func TestEventsThatEnd(t *testing.T) {
	for status, why := range map[int64]string{http.StatusForbidden: "Not permitted",
		http.StatusUnauthorized: "Logged out"} {
		t.Run(why, func(t *testing.T) {
			_, c := newAnswers(t, status)
			events := c.Follow("/live")
			bustest.Eventually(t, "the events end", events.Ended)
			if !strings.HasSuffix(events.Text(), "event: sign\ndata: "+why+"\n\n"+saysEnd) {
				t.Errorf("%s", events.Text())
			}
			page := c.Get("/empty")
			if ended := page.Status == http.StatusSeeOther; ended != (status == http.StatusUnauthorized) {
				t.Errorf("then: status %d", page.Status)
			}
			if ended := c.Follow("/live"); status == http.StatusUnauthorized {
				bustest.Eventually(t, "the next events end", ended.Ended)
				if !strings.Contains(ended.Text(), "data: Logged out\n\n"+saysEnd) {
					t.Errorf("%s", ended.Text())
				}
			}
		})
	}
}

// The session of another tab ended: the next sign of life says so.
func TestASessionThatEnds(t *testing.T) {
	_, c := newAnswers(t, http.StatusOK)
	events := c.Follow("/live")
	bustest.Eventually(t, "it connects", func() bool { return strings.Contains(events.Text(), "id: 1\n") })
	c.Frame.Sessions().End(c.Request(http.MethodGet, "/", nil).Cookies()[0].Value)
	bustest.Eventually(t, "the events end", func() bool { c.Clock.Advance(15 * time.Second); return events.Ended() })
	if !strings.HasSuffix(events.Text(), "data: Logged out\n\n"+saysEnd) {
		t.Errorf("%s", events.Text())
	}
}

// Events that do not begin end as events: htmx would repeat a request whose answer ends at once.
func TestEventsThatDoNotBegin(t *testing.T) {
	_, c := newAnswers(t, http.StatusOK)
	events := c.Follow("/live?kind=x")
	bustest.Eventually(t, "the events end", events.Ended)
	if events.Text() != "event: sign\ndata: No such live events\n\n"+saysEnd {
		t.Errorf("%s", events.Text())
	}
	c.Get("/live?kind=x").Has(http.StatusBadRequest, "No such live events")
}
