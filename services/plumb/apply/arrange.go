package apply

import (
	"fmt"
	"slices"

	"plumbline.dev/services/internal/client"
)

// arrange puts each change behind those that it refers to.
func arrange(changes []*Change) ([]*Change, error) {
	type key struct {
		kind client.Kind
		name string
	}
	known, state := map[key]*Change{}, map[*Change]int{}
	for _, c := range changes {
		known[key{c.Kind, c.Name}] = c
	}
	slices.SortStableFunc(changes, func(a, b *Change) int { return slices.Index(order, a.Kind) - slices.Index(order, b.Kind) })
	var arranged []*Change
	var visit func(c *Change) error
	visit = func(c *Change) error {
		switch state[c] {
		case 1:
			return fmt.Errorf("the %s refers to itself, by what it refers to", c.Label())
		case 2:
			return nil
		}
		state[c] = 1
		err := Refs(c.Kind, c.spec, func(to client.Kind, value string) (string, error) {
			if to == credential {
				to = client.KindServiceToken
			}
			if other := known[key{to, value}]; other != nil {
				return value, visit(other)
			}
			return value, nil
		})
		state[c] = 2
		arranged = append(arranged, c)
		return err
	}
	for _, c := range changes {
		if err := visit(c); err != nil {
			return nil, err
		}
	}
	return arranged, nil
}
