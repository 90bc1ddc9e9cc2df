package policy

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
)

// drawWorld generates policies and the groups they refer to.
func drawWorld(t *rapid.T) (*world, []*proto.Policy) {
	w := &world{map[proto.ID]*proto.Group{}}
	var all []*proto.Policy
	for _, p := range rapid.SliceOfN(modelGen, 1, 4).Draw(t, "policies") {
		all = append(all, w.policy(p))
	}
	return w, all
}

func (w *world) decide(all []*proto.Policy, f *Facts, service bool) Decision {
	var ready []*Policy
	for _, p := range all {
		ready = append(ready, Compile(p, w.find))
	}
	if service {
		return DecideService(ready, f)
	}
	return Decide(ready, f)
}

// Restricting a policy in any way admits no further request.
func TestTighteningNeverAdmits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, all := drawWorld(t)
		f, service := factsGen.Draw(t, "facts"), rapid.Bool().Draw(t, "strict")
		before := w.decide(all, f, service)
		at := rapid.IntRange(0, len(all)-1).Draw(t, "at")
		tighter := *all[at]
		extra := drawTree(t, 1).asRule(w)
		what := rapid.SampledFrom([]string{"exclude", "require", "remove", "decision", "demand"}).Draw(t, "what")
		switch denies := tighter.Decision == proto.DecisionDeny; {
		case what == "decision":
			tighter.Decision = "permit"
		case denies && what != "demand":
			tighter.Include = append(slices.Clone(tighter.Include), extra)
		case what == "exclude":
			tighter.Exclude = append(slices.Clone(tighter.Exclude), extra)
		case what == "require":
			tighter.Require = append(slices.Clone(tighter.Require), extra)
		case what == "remove" && tighter.Decision != "permit":
			tighter.Include = nil
		case what == "demand":
			tighter.Unmet = []string{"approval_required"}
		}
		changed := slices.Clone(all)
		changed[at] = &tighter
		if after := w.decide(changed, f, service); after.Admitted() && !before.Admitted() {
			t.Fatalf("%s: %+v became %+v", what, before, after)
		}
	})
}

// With fewer facts, or fewer rules that can be evaluated, no further request is admitted: a rule becomes unknown, a
// group is deleted or contains itself, a fact is missing.
func TestLessKnowledgeNeverAdmits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, all := drawWorld(t)
		f, service := factsGen.Draw(t, "facts"), rapid.Bool().Draw(t, "strict")
		before := w.decide(all, f, service)
		less := *f
		switch what := rapid.SampledFrom([]string{"rule", "group", "cycle", "address", "device", "outcome", "amr",
			"external"}).Draw(t, "what"); what {
		case "rule":
			for i := range all {
				p := *all[i]
				for _, list := range []*[]proto.Rule{&p.Include, &p.Require, &p.Exclude} {
					*list = slices.Clone(*list)
					for n := range *list {
						if rapid.Bool().Draw(t, "replace") {
							(*list)[n] = geo
						}
					}
				}
				all[i] = &p
			}
		case "group", "cycle":
			for id, g := range w.groups {
				if what == "group" {
					delete(w.groups, id)
				} else {
					g.Exclude = append(g.Exclude, groupRule(id))
				}
			}
		case "address":
			less.IP = Facts{}.IP
		case "device":
			less.Posture = nil
		case "outcome":
			if f.Posture != nil {
				less.Posture = func(proto.ID) proto.Outcome { return proto.OutcomeUnknown }
			}
		case "amr":
			less.AMR = nil
		case "external":
			less.External = nil
		}
		if after := w.decide(all, &less, service); after.Admitted() && !before.Admitted() {
			t.Fatalf("%+v became %+v", before, after)
		}
	})
}

// The order of rules within a list, and that of early policies among the late ones, changes nothing.
func TestOrderThatDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, all := drawWorld(t)
		f := factsGen.Draw(t, "facts")
		before := w.decide(all, f, false)
		var early, late []*proto.Policy
		for _, p := range all {
			q := *p
			for _, list := range []*[]proto.Rule{&q.Include, &q.Require, &q.Exclude} {
				*list = rapid.Permutation(*list).Draw(t, "rules")
			}
			if q.Decision == proto.DecisionBypass || q.Decision == proto.DecisionNonIdentity {
				early = append(early, &q)
			} else {
				late = append(late, &q)
			}
		}
		after := w.decide(append(late, early...), f, false)
		if after.Admitted() != before.Admitted() || after.Policy != before.Policy ||
			after.Reason.use() != before.Reason.use() {
			t.Fatalf("%+v became %+v", before, after)
		}
	})
}

// Strict mode admits only requests admitted in lenient mode, and starts no login.
func TestStrictModeIsTheStricter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, all := drawWorld(t)
		f := factsGen.Draw(t, "facts")
		f.LoggedIn = false
		strict := w.decide(all, f, true)
		if strict.Admitted() && !w.decide(all, f, false).Admitted() {
			t.Fatalf("%+v", strict)
		}
		in := *f
		in.LoggedIn = true
		if w.decide(all, &in, true) != strict || strict.Reason == LoginRequired || strict.Reason == Allow ||
			strict.Reason == Denied {
			t.Fatalf("%+v", strict)
		}
	})
}
