package evaluator

import (
	"fmt"

	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/judge"
)

// settle has everything seen and judged: then a record is open exactly if a page holds outcomes. One calm poll
// ends every hold: its evidence is what was held.
func (w *holdWorld) settle() {
	w.judged()
	for _, c := range w.configs[len(w.configs)-1].Checks {
		all := w.records[c.ID]
		open := len(all) > 0 && !all[len(all)-1].hold.State.Over()
		if held := w.held(c.ID); open != (held > 0) {
			w.t.Fatalf("%d pages hold outcomes of check %s, the record is open: %t\nrecords: %s\npages: %s", held, c.ID, open,
				w.recordsText(c.ID), w.pagesText(c.ID))
		}
	}
	w.released()
	w.tick++
	for n, s := range w.sheets {
		outcomes := map[proto.ID]proto.Outcome{}
		check := w.configs[len(w.configs)-1].Checks[0].ID
		for k, o := range s.follower {
			if k.Check == check {
				outcomes[k.Device] = o
			}
		}
		for id := range w.history[n][len(s.log)-1][check].withheld {
			outcomes[id] = proto.OutcomePass
		}
		w.send(n, pollOf(w.tick, s.pages[len(s.pages)-1], n, func(_ int, id proto.ID) int {
			return map[proto.Outcome]int{proto.OutcomePass: 100}[outcomes[id]]
		}))
	}
	w.finish()
	w.judged()
	check := w.configs[len(w.configs)-1].Checks[0].ID
	if n := w.held(check); n > 0 {
		w.t.Fatalf("%d pages hold outcomes of check %s after a calm poll of tick %d: %s", n, check, w.tick,
			w.pagesText(check))
	}
}

// released checks that no page holds what a person released, whatever record replaced the one of the release.
func (w *holdWorld) released() {
	for _, c := range w.configs[len(w.configs)-1].Checks {
		at := w.personsRelease(c.ID)
		for n, s := range w.sheets {
			e := s.last()
			for i, ref := range e.Checks {
				if h := e.State(i).Hold; ref.ID == c.ID && h != nil && h.Since <= at {
					w.t.Fatalf("page %d holds outcomes that a person released at %d: %+v\nrecords: %s", n, at-start, h,
						w.recordsText(c.ID))
				}
			}
		}
	}
}

// judged has the views seen to the end, and judged until nothing is left to decide.
func (w *holdWorld) judged() {
	w.now += judge.Patience + 10_000 // the clocks are up to 5 s apart
	w.replicas = false
	for range 10 {
		for n := range w.sheets {
			w.send(n, &proto.Input{Cause: proto.CauseExpired})
		}
		w.finish()
		before := w.counter
		for _, k := range w.workers {
			k.view, k.skew = len(w.configs)-1, 0
			for n, s := range w.sheets {
				k.seen[n] = len(s.log)
			}
			for id, all := range w.records {
				k.records[id] = len(all)
			}
			for _, c := range w.configs[k.view].Checks {
				w.begin(w.judging(c.ID), k)
			}
		}
		w.finish()
		if w.counter == before {
			return
		}
	}
	w.t.Fatal("the verdicts do not come to an end")
}

func (w *holdWorld) held(check proto.ID) (pages int) {
	for _, s := range w.sheets {
		e := s.last()
		for i, ref := range e.Checks {
			if ref.ID == check && e.State(i).Hold != nil {
				pages++
			}
		}
	}
	return pages
}

func (w *holdWorld) recordsText(check proto.ID) (text string) {
	for _, r := range w.records[check] {
		h := r.hold
		text += fmt.Sprintf("\n%s at %d by %q, decided %d, since %d, tick %d, release %v", h.State, r.at-start, h.By,
			h.DecidedAt-start, h.Since-start, h.Tick, h.Release)
	}
	return text
}

func (w *holdWorld) pagesText(check proto.ID) (text string) {
	for n, s := range w.sheets {
		e := s.last()
		for i, ref := range e.Checks {
			if ref.ID == check {
				text += fmt.Sprintf("\n%d: tick %d, polled %d, hold %+v, flips %+v", n, e.Tick, e.Poll.At-start, e.State(i).Hold,
					e.State(i).Flips)
			}
		}
	}
	return text
}
