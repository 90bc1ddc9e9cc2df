package api

import (
	"slices"
	"testing"
)

// A client that keeps self_hosted_domains as a set sends all three views back in an order of its own, without
// having changed anything: no destination is lost, nor one that is not a host where the hosts do change.
func TestDestinationsOfASet(t *testing.T) {
	const private = `{"type":"private","cidr":"10.0.0.0/8"}`
	const list = `"destinations":[{"type":"public","uri":"b.example.com"},{"type":"public","uri":"a.example.com"},` + private + `]`
	for name, c := range map[string]struct {
		sent  string
		hosts []string
		kinds []string
	}{
		"the same in another order": {
			`"domain":"b.example.com","self_hosted_domains":["a.example.com","b.example.com"],` + list,
			[]string{"b.example.com", "a.example.com"}, []string{"public", "public", "private"},
		},
		"a new host": {
			`"domain":"b.example.com","self_hosted_domains":["a.example.com","b.example.com","c.example.com"],` + list,
			[]string{"a.example.com", "b.example.com", "c.example.com"}, []string{"public", "public", "public", "private"},
		},
		"a host less, and no more said": {
			`"self_hosted_domains":["a.example.com"]`, []string{"a.example.com"}, []string{"public"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			before, err := parseDestinations(must(parseObject([]byte(`{"domain":"b.example.com","self_hosted_domains":["b.example.com","a.example.com"],` + list + `}`))))
			if err != nil {
				t.Fatal(err)
			}
			d, err := readDestinations(must(parseObject([]byte("{"+c.sent+"}"))), &before)
			if err != nil {
				t.Fatal(err)
			}
			var kinds []string
			for _, one := range d.list {
				kind, _ := one.text("type")
				kinds = append(kinds, kind)
			}
			if !slices.Equal(d.hosts, c.hosts) || !slices.Equal(kinds, c.kinds) {
				t.Errorf("hosts %v, destinations %v, want %v and %v", d.hosts, kinds, c.hosts, c.kinds)
			}
		})
	}
}
