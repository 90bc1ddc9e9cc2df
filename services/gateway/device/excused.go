package device

import (
	"slices"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// lateEnd is how long after its end an excuse still counts, unless it is an exemption: the evaluator ends it, and knows
// what applies then, such as a grace after observe mode.
const lateEnd = time.Minute

// excused is a verdict of an entry whose reason is an excuse: observe mode, an exemption, a grace or a hold.
type excused struct {
	account proto.Account
	device  proto.ID
	check   *proto.Check
	entry   *entry
	row     int
	column  int
	reason  proto.Reason
}

// lapsed reports whether the excuse behind a pass is over, by the configuration and this machine's clock, although the
// evaluator has not said so. The device's outcome without the excuse counts then. An excuse that neither the
// configuration nor the entry explains is over.
func (d *Devices) lapsed(x excused) bool {
	now, org := proto.At(d.clock.Now()), d.config.Organization(x.account).Value
	if x.reason == proto.ReasonExempt {
		return !slices.ContainsFunc(d.config.ExemptionsByDevice(x.account)[x.device],
			func(r catalog.Record[proto.Exemption]) bool {
				return r.Value.Covers(x.check.ID) && now < r.Value.Until
			})
	}
	if x.check.Mode == proto.ModeObserve || org.Observe != nil && now < org.Observe.Until {
		return false
	}
	var end proto.Millis
	switch x.reason {
	case proto.ReasonObserveOnly:
		end = observeEnd(x, org)
	case proto.ReasonGrace:
		if since, ok := x.entry.graces[x.entry.cell(x.row, x.column)]; ok {
			end = since.Add(x.check.Grace)
		}
	case proto.ReasonHeld:
		if since, ok := x.entry.holds[x.column]; ok {
			end = since.Add(proto.HoldTime(x.check, org))
		}
	}
	return now >= end.Add(lateEnd)
}

// observeEnd returns when the observe mode of an entry ended, given that neither the check nor the account observes any
// more. A person may have turned the account's switch off before its time.
func observeEnd(x excused, org *proto.Organization) proto.Millis {
	switch until := x.entry.observeUntil; {
	case until == 0:
		return x.check.UpdatedAt
	case org.Observe != nil:
		return org.Observe.Until
	default:
		return min(until, org.UpdatedAt)
	}
}
