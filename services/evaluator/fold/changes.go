package fold

import (
	"plumbline.dev/proto"
)

// changes gathers what changed, by check and outcome.
type changes struct {
	columns []column
	groups  [][proto.OutcomeNone][]proto.ChangedDevice // by column, then outcome
}

func (c *changes) open(columns []column) {
	c.columns, c.groups = columns, make([][proto.OutcomeNone][]proto.ChangedDevice, len(columns))
}

func (c *changes) add(column int, to proto.Outcome, d proto.ChangedDevice) {
	g := &c.groups[column][to]
	*g = append(*g, d)
}

// gone adds a result that is no more: the device left, or the check went. A check that the device's entry
// did not have yet has nothing to lose.
func (c *changes) gone(column int, old *proto.Result, why proto.Reason) {
	was := c.columns[column].was
	if was < 0 {
		return
	}
	c.add(column, proto.OutcomeUnknown,
		proto.ChangedDevice{Device: old.Device, From: old.Verdicts[was].Outcome, Reason: why, Score: old.Score})
}

func (c *changes) list() (out []Change) {
	for i := range c.groups {
		for outcome, devices := range c.groups[i] {
			if len(devices) > 0 {
				out = append(out, Change{Check: c.columns[i].ID, Outcome: proto.Outcome(outcome), Devices: devices})
			}
		}
	}
	return out
}

// rows finds the rows of devices. A page, its entry and its answer mostly name the same devices in the
// same order: then a row is found where the last one left off, and no index is made.
type rows[T any] struct {
	all   []T
	id    func(*T) *proto.ID
	at    int
	index map[proto.ID]int
}

// find gives the row's place, -1 where there is none.
func (r *rows[T]) find(id proto.ID) int {
	if r.at < len(r.all) && *r.id(&r.all[r.at]) == id {
		r.at++
		return r.at - 1
	}
	if len(r.all) == 0 {
		return -1
	}
	if r.index == nil {
		r.index = make(map[proto.ID]int, len(r.all))
		for i := range r.all {
			r.index[*r.id(&r.all[i])] = i
		}
	}
	i, ok := r.index[id]
	if !ok {
		return -1
	}
	r.at = i + 1
	return i
}
