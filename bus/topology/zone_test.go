package topology_test

import (
	"strings"
	"testing"

	"plumbline.dev/bus/topology"
)

func TestIncludes(t *testing.T) {
	for _, c := range []struct {
		wide, narrow string
		want         bool
	}{
		{">", "a", true}, {"a.>", "a.b", true}, {"a.>", "a", false}, {"a.*", "a.b", true}, {"a.*", "a.*", true},
		{"a.*", "a.>", false}, {"a.b", "a.*", false}, {"a.*.c", "a.b.c", true}, {"a.*.c", "a.b.d", false}, {"a", "a", true},
		{"a.>", "a.>", true}, {"a.*", "a.b.c", false}, {"a.b.c", "a.b", false},
	} {
		if got := topology.Includes(c.wide, c.narrow); got != c.want {
			t.Errorf("Includes(%q, %q) = %v", c.wide, c.narrow, got)
		}
	}
}

// A message on a subject of two imports would reach the other zone twice.
func TestImportsOfAZoneDoNotOverlap(t *testing.T) {
	for _, z := range topology.Zones() {
		all := z.Imports()
		for i, a := range all {
			for _, b := range all[i+1:] {
				if a.Stream == b.Stream && overlap(local(a), local(b)) {
					t.Errorf("%s imports %s of %s and %s of %s", z, local(a), a.From, local(b), b.From)
				}
			}
		}
	}
}

func local(i topology.Import) string {
	if i.Local != "" {
		return i.Local
	}
	return i.Subject
}

// Followers share nothing that one of them could use against another.
func TestFollowersAreApart(t *testing.T) {
	a, b := topology.FollowerPermissions("a"), topology.FollowerPermissions("b")
	for _, p := range a.Publish {
		for _, q := range b.Publish {
			if overlap(p, q) && !strings.Contains(p, ".STREAM.") && !strings.Contains(p, ".DIRECT.GET.") {
				t.Errorf("two followers may publish to %s and %s", p, q)
			}
		}
	}
	for _, p := range a.Subscribe {
		if allows(b.Subscribe, p) && !strings.HasPrefix(p, "bell.") {
			t.Errorf("two followers may subscribe to %s", p)
		}
	}
	for _, p := range a.Publish {
		for _, i := range topology.Mirror.Imports() {
			if overlap(p, local(i)) {
				t.Errorf("a follower may publish to %s", local(i))
			}
		}
	}
	for _, name := range []string{"", "follow_a", "a.b", "a b", "*", "a>", strings.Repeat("a", 33), "-a"} {
		if topology.CheckFollowerName(name) == nil {
			t.Errorf("%q is accepted as a follower's name", name)
		}
	}
}
