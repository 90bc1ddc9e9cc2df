package apply

import (
	"fmt"
	"slices"
	"strings"

	"plumbline.dev/services/plumb/client"
)

// arranger puts changes into an order.
type arranger struct {
	named    map[key]*Change
	covering map[*Change]*Change // of integrations: the application that their scoring API is behind
	done     map[*Change]bool
	path     []*Change // from the first change to the one that is looked at
	arranged []*Change
	// soft reports that a change may come before another that it refers to, if that one exists already.
	soft bool
}

type key struct {
	kind client.Kind
	name string
}

// arrange puts each change behind those that it depends on: those that it refers to, and, of an integration that is
// tested when it is stored, the application that its scoring API is behind. Where resources that exist already
// depend on one another in a circle, only those that are created count.
func arrange(changes []*Change) ([]*Change, error) {
	slices.SortStableFunc(changes, func(a, b *Change) int { return slices.Index(order, a.Kind) - slices.Index(order, b.Kind) })
	named := map[key]*Change{}
	for _, c := range changes {
		named[key{c.Kind, c.Name}] = c
	}
	var arranged []*Change
	var err error
	for _, soft := range []bool{false, true} {
		a := &arranger{named: named, covering: covering(changes), done: map[*Change]bool{}, soft: soft}
		if arranged, err = a.all(changes); err == nil {
			return arranged, nil
		}
	}
	return nil, err
}

func (a *arranger) all(changes []*Change) ([]*Change, error) {
	for _, c := range changes {
		if err := a.visit(c); err != nil {
			return nil, err
		}
	}
	return a.arranged, nil
}

func (a *arranger) visit(c *Change) error {
	if a.done[c] {
		return nil
	}
	if n := slices.Index(a.path, c); n >= 0 {
		return circle(append(slices.Clone(a.path[n:]), c))
	}
	a.path = append(a.path, c)
	err := Refs(c.Kind, c.spec, func(to client.Kind, value string) (string, error) {
		if to == credential {
			to = client.KindServiceToken
		}
		return value, a.needs(a.named[key{to, value}])
	})
	if err == nil {
		err = a.needs(a.covering[c])
	}
	a.path = a.path[:len(a.path)-1]
	a.done[c] = true
	a.arranged = append(a.arranged, c)
	return err
}

// needs visits a change that another depends on; nil: there is none.
func (a *arranger) needs(c *Change) error {
	if c == nil || a.soft && c.Action != Create && c.Action != Delete {
		return nil
	}
	return a.visit(c)
}

// circle is the error about changes that depend on one another; the last is the first again.
func circle(changes []*Change) error {
	if len(changes) == 2 {
		return fmt.Errorf("the %s refers to itself", changes[0].Label())
	}
	labels := make([]string, len(changes))
	for n, c := range changes {
		labels[n] = c.Label()
	}
	return fmt.Errorf("these depend on one another in a circle, so that none of them can be the first: %s. "+
		"Take one of the references out, apply, and put it back", strings.Join(labels, " → "))
}
