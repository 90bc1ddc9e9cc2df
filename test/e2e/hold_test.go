package e2e_test

import (
	"net/http"
	"slices"
	"testing"

	"plumbline.dev/proto"
)

// A fleet of 20,000 devices whose scoring API has bad days. Invariant 11 from end to end: what it would change of the
// fleet is held, the gateway decides as before, people and followers are told, and the hold ends with the bad day.
func TestABadDayOfTheScoringAPI(t *testing.T) {
	const devices, pass, fail, ofPage = 20_000, 12_001, 7_999, 600
	g := newGuarded(t, devices)
	g.are(pass, fail)
	standing := func(direction string, flips int) hold {
		t.Helper()
		h := g.becomes("standing", func(h hold) bool { return h.Pages == devices/proto.PageSize })
		if !slices.Contains(h.Directions, direction) || h.Rule != g.check || h.By != "" || flips > 0 && h.Devices != flips {
			t.Errorf("%+v, want %s of %d", h, direction, flips)
		}
		g.are(pass, fail)
		g.enters(true, false)
		return h
	}
	recovers := func() {
		t.Helper()
		g.polls(usual)
		g.becomes("ended", nil)
		g.are(pass, fail)
		g.enters(true, false)
	}

	// 0 for all: nobody is locked out.
	g.polls(always(0))
	standing("lock_out", pass)
	recovers()

	// 100 for all: nobody is let in. A rejection changes nothing but the state.
	g.polls(always(100))
	if h := standing("open_up", fail); g.decide(h, "reject") != http.StatusOK {
		t.Error("the hold cannot be rejected")
	}
	g.becomes("rejected", nil)
	g.are(pass, fail)
	recovers()

	// Random scores: both directions at once.
	g.polls(func(n int) any { return n * 7919 % 101 })
	standing("lock_out", 0)
	recovers()

	// The devices of one site: the page is held until all pages are in, and released.
	site := func(n int) any {
		if n/proto.PageSize == 3 {
			return 0
		}
		return usual(n)
	}
	g.polls(site)
	released := func() {
		t.Helper()
		h := g.becomes("released", func(h hold) bool { return h.By == "" })
		if h.Reason == "" || h.FleetLost+h.FleetGained != ofPage {
			t.Errorf("%+v", h)
		}
	}
	released()
	g.are(pass-ofPage, fail+ofPage)
	g.enters(true, false)
	g.polls(usual)
	released()
	g.are(pass, fail)

	// Half of the devices are missing from the answers: they keep their results, and nothing is held.
	half := func(n int) any {
		if n%2 == 0 {
			return nil
		}
		return usual(n)
	}
	g.polls(half)
	g.are(pass, fail)
	if h, err := g.newest(); err != nil || h.State != "released" {
		t.Errorf("%+v, %v", h, err)
	}

	// A person believes the API: the outcomes are those of the evidence. So is the way back.
	g.polls(always(0))
	h := standing("lock_out", pass)
	if status := g.decide(h, "release"); status != http.StatusOK {
		t.Errorf("release: %d", status)
	}
	if status := g.decide(h, "release"); status != http.StatusConflict {
		t.Errorf("a second release: %d", status)
	}
	g.are(0, devices)
	g.enters(false, false)
	g.polls(usual)
	h = g.becomes("standing", func(h hold) bool { return h.Pages == devices/proto.PageSize })
	g.are(0, devices)
	g.decide(h, "release")
	g.are(pass, fail)
	g.enters(true, false)

	if err := g.audit.Check(t.Context(), g.operator, g.fixture.follower); err != nil {
		t.Error(err)
	}
	g.agrees(&g.told)
	t.Logf("%d entries, %d changes", g.audit.Entries(), g.audit.Changes())
}
