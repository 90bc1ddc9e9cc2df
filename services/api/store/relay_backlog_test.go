package store

import "testing"

// TestStuckBacklog checks that an outbox is stuck if none of its messages was published between two counts.
func TestStuckBacklog(t *testing.T) {
	count := func(stream string, settled uint64) backlog {
		return backlog{waiting: 1, changes: map[string]uint64{stream: settled}}
	}
	for _, c := range []struct {
		name        string
		before, now backlog
		want        bool
	}{
		{"nothing waits", count("a", 1), backlog{}, false},
		{"the first count", backlog{}, count("a", 1), false},
		{"some was published", count("a", 1), count("a", 2), false},
		{"none was published", count("a", 1), count("a", 1), true},
		{"none of the other stream", count("b", 1), count("a", 1), false},
	} {
		if got := c.now.stuck(c.before); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
