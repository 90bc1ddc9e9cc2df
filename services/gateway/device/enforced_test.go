package device

import (
	"testing"
	"time"

	"plumbline.dev/proto"
)

// TestOutcomesThatAreNotByTheScore checks that exemptions and observe mode pass without a valid score, and that every
// excuse ends by the configuration and this machine's clock if the evaluator does not end it.
func TestOutcomesThatAreNotByTheScore(t *testing.T) {
	const pass, fail, unknown = proto.OutcomePass, proto.OutcomeFail, proto.OutcomeUnknown
	at := proto.At(epoch)
	exempt := func(until proto.Millis, of proto.ID) func(*settings, *proto.Entry) {
		return func(s *settings, _ *proto.Entry) {
			s.exemptions = append(s.exemptions, &proto.Exemption{Device: dev(1), Check: of, Until: until})
		}
	}
	observing := func(until proto.Millis) func(*settings, *proto.Entry) {
		return func(s *settings, e *proto.Entry) {
			e.Observe = proto.EntryObserve{Until: until, On: true}
			s.organization.Observe = &proto.ObserveSwitch{Until: until}
		}
	}
	// turnedOff is a switch turned off by a person before its time.
	turnedOff := func(until, at proto.Millis) func(*settings, *proto.Entry) {
		return func(s *settings, e *proto.Entry) {
			observing(until)(s, e)
			s.organization = proto.Organization{UpdatedAt: at}
		}
	}
	// enforcing is a check in observe mode until a time.
	enforcing := func(since proto.Millis) func(*settings, *proto.Entry) {
		return func(s *settings, _ *proto.Entry) { s.checks[check].UpdatedAt = since }
	}
	states := func(grace time.Duration, of proto.CheckState) func(*settings, *proto.Entry) {
		return func(s *settings, e *proto.Entry) {
			s.checks[check].Grace, e.States = grace, []proto.CheckState{of}
		}
	}
	graceFrom := func(since proto.Millis) func(*settings, *proto.Entry) {
		return states(time.Hour, proto.CheckState{Graces: []proto.Grace{{Since: since}}})
	}
	heldFrom := func(since proto.Millis) func(*settings, *proto.Entry) {
		return states(0, proto.CheckState{Hold: &proto.PageHold{Since: since, Out: true}})
	}
	recovering := states(0, proto.CheckState{Recovering: []int{0}})
	const hour, minute = proto.Millis(3_600_000), proto.Millis(60_000)
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
	observed := func(o proto.Outcome) proto.Verdict {
		return proto.Verdict{Outcome: pass, Reason: proto.ReasonObserveOnly, Observed: o}
	}
	graced := func(o proto.Outcome) proto.Verdict {
		return proto.Verdict{Outcome: pass, Reason: proto.ReasonGrace, Observed: o}
	}
	held := func(o, observed proto.Outcome) proto.Verdict {
		return proto.Verdict{Outcome: o, Reason: proto.ReasonHeld, Observed: observed}
	}
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
		{"observe mode", observed(fail), 10, observeMode, pass},
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
		{"the account's switch was just turned off", observed(fail), 10, turnedOff(at+hour, at-minute+1), pass},
		{"the account's switch was turned off a minute ago", observed(fail), 10, turnedOff(at+hour, at-minute), fail},
		{"the account was edited after the end of its switch", observed(fail), 10, turnedOff(at-minute, at), fail},
		{"the account's switch is on again", observed(fail), 10, both(turnedOff(at-hour, at-hour),
			func(s *settings, _ *proto.Entry) { s.organization.Observe = &proto.ObserveSwitch{Until: at + 1} }), pass},
		{"the check has just left observe mode", observed(fail), 10, enforcing(at - minute + 1), pass},
		{"the check left observe mode a minute ago", observed(fail), 10, enforcing(at - minute), fail},
		{"the check left observe mode, and the account observes", observed(fail), 10,
			both(enforcing(at-minute), observing(at+1)), pass},
		{"the check left observe mode, and the score is old", observed(pass), 80, both(enforcing(at-minute), expired),
			unknown},
		{"the check left observe mode, and the score is good", observed(pass), 80, enforcing(at - minute), pass},
		{"the check left observe mode, and the device has not recovered", observed(pass), 80,
			both(enforcing(at-minute), recovering), fail},
		{"an exemption has ended, and the device has not recovered", proto.Verdict{Outcome: pass,
			Reason: proto.ReasonExempt, Observed: pass}, 80, both(exempt(at, check), recovering), fail},
		{"grace", graced(fail), 10, graceFrom(at - hour), pass},
		{"grace that ended a minute ago", graced(fail), 10, graceFrom(at - hour - minute), fail},
		{"grace that ended, of a device that has not recovered", graced(pass), 80, graceFrom(at - hour - minute), fail},
		{"grace that ended, and the account observes", graced(fail), 10, both(graceFrom(at-hour-minute), observing(at+1)),
			pass},
		{"grace without a beginning", graced(fail), 10, states(time.Hour, proto.CheckState{}), fail},
		{"held", held(pass, fail), 10, heldFrom(at - 4*hour), pass},
		{"held for a minute too long", held(pass, fail), 10, heldFrom(at - 4*hour - minute), fail},
		{"held for too long with a pass by its score", held(pass, pass), 80, heldFrom(at - 4*hour - minute), pass},
		{"a fail that is held for too long", held(fail, pass), 80, heldFrom(at - 4*hour - minute), fail},
		{"held for the account's time", held(pass, fail), 10, both(heldFrom(at-4*hour-minute),
			func(s *settings, _ *proto.Entry) {
				s.organization.Breaker = &proto.BreakerSettings{MaxHold: 5 * time.Hour}
			}), pass},
		{"held without a beginning", held(pass, fail), 10, both(), fail},
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
