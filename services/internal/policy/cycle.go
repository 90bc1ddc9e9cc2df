package policy

import "plumbline.dev/proto"

// cyclic returns every group that contains itself, directly or through others (Tarjan's strongly connected
// components). refs holds the groups that each group names.
func cyclic(refs map[proto.ID][]proto.ID) map[proto.ID]bool {
	t := tarjan{refs: refs, index: map[proto.ID]int{}, low: map[proto.ID]int{}, open: map[proto.ID]bool{},
		cyclic: map[proto.ID]bool{}}
	for id := range refs {
		if t.index[id] == 0 {
			t.visit(id)
		}
	}
	return t.cyclic
}

type tarjan struct {
	refs       map[proto.ID][]proto.ID
	index, low map[proto.ID]int // counted from 1; 0: not visited
	stack      []proto.ID
	open       map[proto.ID]bool // on the stack
	cyclic     map[proto.ID]bool
}

func (t *tarjan) visit(id proto.ID) {
	n := len(t.index) + 1
	t.index[id], t.low[id], t.open[id] = n, n, true
	t.stack = append(t.stack, id)
	for _, to := range t.refs[id] {
		switch {
		case to == id:
			t.cyclic[id] = true
		case t.index[to] == 0:
			t.visit(to)
			t.low[id] = min(t.low[id], t.low[to])
		case t.open[to]:
			t.low[id] = min(t.low[id], t.index[to])
		}
	}
	if t.low[id] != n {
		return
	}
	for more := t.stack[len(t.stack)-1] != id; ; {
		last := t.stack[len(t.stack)-1]
		t.stack, t.open[last] = t.stack[:len(t.stack)-1], false
		if more {
			t.cyclic[last] = true
		}
		if last == id {
			return
		}
	}
}
