package fold

import (
	"plumbline.dev/proto"
)

// changes collects the changed devices, by check and outcome.
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

// gone adds a removed result: the device left, or the check was removed. A check missing from the device's previous
// entry has nothing to lose.
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

// rows finds the rows of devices. A page, its entry and its response mostly name the same devices in the same order:
// the next row is then found beside the last one, without an index.
type rows[T any] struct {
	all   []T
	id    func(*T) *proto.ID
	at    int
	index map[proto.ID]int
}

// find returns the row's index, or -1.
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
