package apply

import (
	"fmt"
	"slices"
	"strings"

	"plumbline.dev/services/plumb/client"
)

// arranger sorts changes by their dependencies.
type arranger struct {
	named    map[key]*Change
	covering map[*Change]*Change // from an integration to the application of its scoring API
	done     map[*Change]bool
	path     []*Change // from the first change to the current one
	arranged []*Change
	// soft ignores dependencies on existing resources.
	soft bool
}

type key struct {
	kind client.Kind
	name string
}

// arrange sorts changes so that each comes after the changes it depends on. A change depends on the resources that it
// refers to. An integration, which is tested when it is stored, also depends on the application that protects its
// scoring API. If existing resources refer to each other in a circle, only dependencies on new resources count.
func arrange(changes []*Change) ([]*Change, error) {
	slices.SortStableFunc(changes, func(a, b *Change) int {
		return slices.Index(order, a.Kind) - slices.Index(order, b.Kind)
	})
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
		if to == client.KindClientID {
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

// needs visits a dependency of a change. A nil change is skipped.
func (a *arranger) needs(c *Change) error {
	if c == nil || a.soft && c.Action != Create && c.Action != Delete {
		return nil
	}
	return a.visit(c)
}

// circle returns the error for changes that depend on each other. The last change equals the first.
func circle(changes []*Change) error {
	if len(changes) == 2 {
		return fmt.Errorf("the %s refers to itself", changes[0].Label())
	}
	labels := make([]string, len(changes))
	for n, c := range changes {
		labels[n] = c.Label()
	}
	return fmt.Errorf("circular references: %s: remove one of the references, apply, and add it again",
		strings.Join(labels, " → "))
}
