package device

import (
	"testing"
	"time"

	"plumbline.dev/proto"
)

// TestOutcomesThatAreNotByTheScore checks that exemptions and observe mode pass without a valid score, and that they
// end by this machine's clock if the evaluator does not end them.
func TestOutcomesThatAreNotByTheScore(t *testing.T) {
	const pass, fail, unknown = proto.OutcomePass, proto.OutcomeFail, proto.OutcomeUnknown
	at := proto.At(epoch)
	exempt := func(until proto.Millis, of proto.ID) func(*settings, *proto.Entry) {
		return func(s *settings, _ *proto.Entry) {
			s.exemptions = append(s.exemptions, &proto.Exemption{Device: dev(1), Check: of, Until: until})
		}
	}
	observing := func(until proto.Millis) func(*settings, *proto.Entry) {
		return func(_ *settings, e *proto.Entry) { e.Observe = proto.EntryObserve{Until: until, On: true} }
	}
	both := func(all ...func(*settings, *proto.Entry)) func(*settings, *proto.Entry) {
		return func(s *settings, e *proto.Entry) {
			for _, do := range all {
				do(s, e)
			}
		}
	}
	expired := func(s *settings, e *proto.Entry) {
		s.checks[check].Expiration = time.Minute
		e.Results[0].ObservedAt = at - 60_000
	}
	observeMode := func(s *settings, _ *proto.Entry) { s.checks[check].Mode = proto.ModeObserve }
	for _, c := range []struct {
		name    string
		verdict proto.Verdict
		score   int
		with    func(*settings, *proto.Entry)
		want    proto.Outcome
	}{
		{"exempt", proto.Verdict{Outcome: pass, Reason: proto.ReasonExempt, Observed: fail}, 10, exempt(at+1, check), pass},
		{"exempt from every check", proto.Verdict{Outcome: pass, Reason: proto.ReasonExempt, Observed: fail}, 10,
			exempt(at+1, proto.ID{}), pass},
		{"exempt without a score", proto.Verdict{Outcome: pass, Reason: proto.ReasonExempt, Observed: unknown},
			proto.NoScore, both(exempt(at+1, check), expired), pass},
		{"exempt with an old score", proto.Verdict{Outcome: pass, Reason: proto.ReasonExempt, Observed: unknown}, 10,
			both(exempt(at+1, check), expired), pass},
		{"an exemption that has ended", proto.Verdict{Outcome: pass, Reason: proto.ReasonExempt, Observed: fail}, 10,
			exempt(at, check), fail},
		{"one of two exemptions has ended", proto.Verdict{Outcome: pass, Reason: proto.ReasonExempt, Observed: fail}, 10,
			both(exempt(at, check), exempt(at+1, check)), pass},
		{"an exemption from another check", proto.Verdict{Outcome: pass, Reason: proto.ReasonExempt, Observed: fail}, 10,
			exempt(at+1, second), fail},
		{"an exemption that was removed", proto.Verdict{Outcome: pass, Reason: proto.ReasonExempt, Observed: unknown},
			proto.NoScore, both(), unknown},
		{"an exemption has ended, and the score too", proto.Verdict{Outcome: pass, Reason: proto.ReasonExempt,
			Observed: fail}, 10, both(exempt(at, check), expired), unknown},
		{"observe mode", proto.Verdict{Outcome: pass, Reason: proto.ReasonObserveOnly, Observed: fail}, 10, observeMode, pass},
		{"observe mode without a score", proto.Verdict{Outcome: pass, Reason: proto.ReasonObserveOnly, Observed: unknown},
			proto.NoScore, both(observeMode, expired), pass},
		{"the account observes", proto.Verdict{Outcome: pass, Reason: proto.ReasonObserveOnly, Observed: unknown},
			proto.NoScore, both(observing(at+1), expired), pass},
		{"the account's switch has just ended", proto.Verdict{Outcome: pass, Reason: proto.ReasonObserveOnly,
			Observed: fail}, 10, observing(at - 59_999), pass},
		{"the account's switch ended a minute ago", proto.Verdict{Outcome: pass, Reason: proto.ReasonObserveOnly,
			Observed: fail}, 10, observing(at - 60_000), fail},
		{"observe mode after the account's switch", proto.Verdict{Outcome: pass, Reason: proto.ReasonObserveOnly,
			Observed: fail}, 10, both(observing(at-60_000), observeMode), pass},
		{"grace with an old score", proto.Verdict{Outcome: pass, Reason: proto.ReasonGrace, Observed: fail}, 10, expired,
			unknown},
		{"held with an old score", proto.Verdict{Outcome: pass, Reason: proto.ReasonHeld, Observed: fail}, 10, expired,
			unknown},
		{"an outcome of a newer version", proto.Verdict{Outcome: 17, Reason: proto.ReasonScore, Observed: 33}, 10, both(),
			unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, s, _ := offline(t)
			enrol(d, 0, 1, "")
			r := result(1, c.score, c.verdict.Outcome)
			r.Verdicts[0] = c.verdict
			e := entryOf(r)
			c.with(s, e)
			d.state.apply(logged(t, onPage(0), 1, e))
			if got := d.Posture(account, dev(1), check); got.Outcome != c.want {
				t.Errorf("%+v, want %v", got, c.want)
			}
		})
	}
}
