package trial

import "plumbline.dev/proto"

// Counts contains the numbers of devices by the outcome of a tried check.
type Counts struct {
	Devices int
	// Decided counts the devices by outcome and reason.
	Decided map[Decision]int
	// Compared counts the devices by the outcome compared with, which is [proto.OutcomeNone] if the check is new.
	Compared [proto.OutcomeNone + 1]int
	// Flips counts the flipping devices by new outcome.
	Flips [proto.OutcomeNone]int
}

// Decision is an outcome and its reason.
type Decision struct {
	Outcome proto.Outcome
	Reason  proto.Reason
}

// Flip is a device with an outcome different from the one compared with.
type Flip struct {
	Device proto.ID
	Result int // place among the page's devices
	Score  int // or [proto.NoScore]
	From   proto.Outcome
	proto.Verdict
}

// Outcome returns the number of devices with an outcome.
func (c *Counts) Outcome(o proto.Outcome) (n int) {
	for d, devices := range c.Decided {
		if d.Outcome == o {
			n += devices
		}
	}
	return n
}

// Flipping returns the number of flipping devices.
func (c *Counts) Flipping() (n int) {
	for _, devices := range c.Flips {
		n += devices
	}
	return n
}

// Add adds other devices.
func (c *Counts) Add(o *Counts) {
	c.Devices += o.Devices
	if c.Decided == nil {
		c.Decided = map[Decision]int{}
	}
	for d, n := range o.Decided {
		c.Decided[d] += n
	}
	for i, n := range o.Compared {
		c.Compared[i] += n
	}
	for i, n := range o.Flips {
		c.Flips[i] += n
	}
}

// count adds one device, and reports whether it flips. A missing check denies no device: compared with none, a
// device flips unless it passes.
func (c *Counts) count(from proto.Outcome, v proto.Verdict) (flips bool) {
	if c.Decided == nil {
		c.Decided = map[Decision]int{}
	}
	c.Devices++
	c.Decided[Decision{v.Outcome, v.Reason}]++
	c.Compared[from]++
	if from == proto.OutcomeNone {
		from = proto.OutcomePass
	}
	if from == v.Outcome {
		return false
	}
	c.Flips[v.Outcome]++
	return true
}
