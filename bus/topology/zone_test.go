package topology_test

import (
	"slices"
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
				if a.Stream == b.Stream && overlap(a.LocalSubject(), b.LocalSubject()) {
					t.Errorf("%s imports %s of %s and %s of %s", z, a.LocalSubject(), a.From, b.LocalSubject(), b.From)
				}
			}
		}
	}
}

// A role's account allows exactly its permissions.
func TestImportsOfARoleAreItsPermissions(t *testing.T) {
	for _, r := range topology.Roles() {
		if r == topology.Operator || r == topology.Follower {
			continue
		}
		zone, p := topology.ZoneOf(r), topology.PermissionsOf(r)
		if zone == topology.Pipeline || zone.JetStream() {
			t.Errorf("%s is in %s", r, zone)
		}
		var services, streams []string
		for _, i := range zone.Imports() {
			if i.From == zone {
				t.Errorf("%s imports %s of itself", zone, i.Subject)
			}
			if i.Stream {
				streams = append(streams, i.LocalSubject())
			} else {
				services = append(services, i.LocalSubject())
			}
		}
		includes := func(all []string, subject string) bool {
			return slices.ContainsFunc(all, func(wide string) bool { return topology.Includes(wide, subject) })
		}
		for _, s := range services {
			if !includes(p.Publish, s) {
				t.Errorf("%s imports %s, which %s may not publish to", zone, s, r)
			}
		}
		for _, s := range p.Publish {
			if !includes(services, s) && !strings.HasPrefix(s, "devices.answer.") {
				t.Errorf("%s may publish to %s, which leads nowhere", r, s)
			}
		}
		for _, s := range streams {
			if !includes(p.Subscribe, s) {
				t.Errorf("%s imports %s, which %s may not subscribe to", zone, s, r)
			}
		}
		for _, s := range p.Subscribe {
			if !includes(streams, s) && !strings.HasPrefix(s, r.InboxPrefix()) && !strings.HasPrefix(s, "asked.") {
				t.Errorf("%s may subscribe to %s, of which nothing comes", r, s)
			}
		}
	}
}

// The import of a request identifies the requester: no zone imports requests in the name of another role.
func TestARoleAsksInItsOwnName(t *testing.T) {
	for _, z := range topology.Zones() {
		for _, i := range z.Imports() {
			by, asked, ok := topology.ParseAsked(i.Subject)
			if ok && (topology.ZoneOf(by) != z || topology.Asked(by, asked) != i.Subject || i.LocalSubject() != asked) {
				t.Errorf("%s imports %s as %s", z, i.Subject, i.LocalSubject())
			}
			if !ok && strings.HasPrefix(i.Subject, "asked.") {
				t.Errorf("%s imports %s", z, i.Subject)
			}
		}
	}
	for _, bad := range []string{"", "asked", "asked.", "asked.api", "asked.nobody.x", "access.certs"} {
		if by, subject, ok := topology.ParseAsked(bad); ok || by != "" || subject != bad {
			t.Errorf("%q was asked by %q on %q", bad, by, subject)
		}
	}
}

// A role may create consumers of another zone only in the queue, which imports nothing and has no roles.
func TestTheQueueLeadsNowhere(t *testing.T) {
	if all := topology.Queue.Imports(); len(all) != 0 {
		t.Errorf("%s imports %v", topology.Queue, all)
	}
	for _, r := range topology.Roles() {
		if topology.ZoneOf(r) == topology.Queue || topology.ZoneOf(r) == topology.Mirror {
			t.Errorf("%s is in %s", r, topology.ZoneOf(r))
		}
		for _, i := range topology.ZoneOf(r).Imports() {
			if r != topology.Follower && i.From != topology.Queue && strings.HasPrefix(i.Subject, "$JS.API.CONSUMER.CREATE") {
				t.Errorf("%s may create consumers in %s", r, i.From)
			}
		}
	}
}

// Followers share nothing usable against one another.
func TestFollowersAreApart(t *testing.T) {
	a, b := topology.FollowerPermissions("a", "k1"), topology.FollowerPermissions("b", "k2")
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
			if overlap(p, i.LocalSubject()) {
				t.Errorf("a follower may publish to %s", i.LocalSubject())
			}
		}
	}
	for _, name := range []string{"", "follow_a", "a.b", "a b", "*", "a>", strings.Repeat("a", 33), "-a"} {
		if topology.CheckFollowerName(name) == nil {
			t.Errorf("%q is accepted as a follower's name", name)
		}
	}
}
