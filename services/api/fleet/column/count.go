package column

import "plumbline.dev/proto"

// Counts counts devices by the state of a check.
type Counts struct {
	Pass, Fail, Unknown          int
	Held, Exempt, Grace, Observe int // devices with an outcome that is not by the score
}

// Count adds the devices of a page, among the rows, by the state of a check.
func (c *Counts) Count(p *Page, check proto.ID, rows *Rows) {
	states := p.states(check)
	if states == nil {
		c.Unknown += rows.Count()
		return
	}
	for n, s := range states {
		if !rows.Has(n) {
			continue
		}
		switch s.Outcome() {
		case proto.OutcomePass:
			c.Pass++
		case proto.OutcomeFail:
			c.Fail++
		default:
			c.Unknown++
		}
		switch s.Enforced() {
		case proto.ReasonHeld:
			c.Held++
		case proto.ReasonExempt:
			c.Exempt++
		case proto.ReasonGrace:
			c.Grace++
		case proto.ReasonObserveOnly:
			c.Observe++
		}
	}
}
