package access

import (
	"slices"
	"strings"
	"testing"

	"plumbline.dev/services/api/v4"
)

// A client that stores self_hosted_domains as a set returns all three views in another order without a change: no
// destination is lost, not even a non-host destination when the hosts change.
func TestDestinationsOfASet(t *testing.T) {
	const private = `{"type":"private","cidr":"10.0.0.0/8"}`
	const list = `"destinations":[{"type":"public","uri":"b.example.com"},{"type":"public","uri":"a.example.com"},` +
		private + `]`
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
			before, err := parseDestinations(must(v4.ParseObject([]byte(`{"domain":"b.example.com",` +
				`"self_hosted_domains":["b.example.com","a.example.com"],` + list + `}`))))
			if err != nil {
				t.Fatal(err)
			}
			d, err := readDestinations(must(v4.ParseObject([]byte("{"+c.sent+"}"))), &before)
			if err != nil {
				t.Fatal(err)
			}
			var kinds []string
			for _, one := range d.list {
				kind, _ := one.Text("type")
				kinds = append(kinds, kind)
			}
			if !slices.Equal(d.hosts, c.hosts) || !slices.Equal(kinds, c.kinds) {
				t.Errorf("hosts %v, destinations %v, want %v and %v", d.hosts, kinds, c.hosts, c.kinds)
			}
		})
	}
}

// domain, self_hosted_domains and destinations are views of one thing, whichever is given.
func TestViewsOfDestinations(t *testing.T) {
	const one, two, three = "a.example.com", "b.example.com/path", "*.example.org:8443"
	full := `"domain":"a.example.com","self_hosted_domains":["a.example.com"],"destinations":[{"type":"public",` +
		`"uri":"a.example.com"}]`
	many := `"domain":"a.example.com","self_hosted_domains":["a.example.com","b.example.com/path"],` +
		`"destinations":[{"type":"public","uri":"a.example.com"},{"type":"public","uri":"b.example.com/path"}]`
	dest := `"domain":"b.example.com/path","destinations":[{"type":"public","uri":"b.example.com/path"}]`
	for name, c := range map[string]struct {
		before, sent string
		domain       string
		hosts        []string
		list         int
		refused      string
	}{
		"a domain": {"", `"domain":"a.example.com"`, one, []string{one}, 1, ""},
		"domains": {"", `"self_hosted_domains":["a.example.com","b.example.com/path"]`, one,
			[]string{one, two}, 2, ""},
		"destinations": {"",
			`"destinations":[{"type":"public","uri":"b.example.com/path"},{"uri":"*.example.org:8443"}]`, two,
			[]string{two, three}, 2, ""},
		"nulls and empty lists": {"", `"domain":"a.example.com","destinations":null,"self_hosted_domains":[]`, one,
			[]string{one}, 1, ""},
		"destinations before domains": {"",
			`"self_hosted_domains":["x.example.com"],"destinations":[{"type":"public","uri":"a.example.com"}]`, one,
			[]string{one}, 1, ""},
		"the domain among destinations": {"",
			`"domain":"B.example.com/path/","destinations":[{"uri":"a.example.com"},{"uri":"b.example.com/path"}]`,
			"B.example.com/path/", []string{one, two}, 2, ""},
		"private destinations only": {"", `"destinations":[{"type":"private","cidr":"10.0.0.0/8","hostname":null}]`, "",
			nil, 1, ""},
		"private and public": {"",
			`"destinations":[{"type":"private","cidr":"10.0.0.0/8"},{"uri":"a.example.com"}]`, one, []string{one}, 2, ""},
		"a domain of its own": {"", `"domain":"x.example.com","destinations":[{"uri":"a.example.com"}]`, "", nil,
			0, "one of the public destinations"},
		"nothing":  {"", `"name":"x"`, "", nil, 0, "needs a domain"},
		"a scheme": {"", `"domain":"https://a.example.com"`, "", nil, 0, "scheme"},
		"twice": {"", `"self_hosted_domains":["a.example.com","A.EXAMPLE.com/"]`, "", nil, 0,
			"duplicate"},
		"no uri":             {"", `"destinations":[{"type":"public"}]`, "", nil, 0, "needs a uri"},
		"an unknown type":    {"", `"destinations":[{"type":"secret","uri":"a"}]`, "", nil, 0, "type must be"},
		"a null in the list": {"", `"destinations":[null]`, "", nil, 0, "object"},
		"a text":             {"", `"destinations":"a.example.com"`, "", nil, 0, "list of objects"},

		"a new domain alone": {full, `"domain":"b.example.com/path"`, two, []string{two}, 1, ""},
		"read, domain changed, written": {full, strings.Replace(full, `"domain":"a.`, `"domain":"z.`, 1),
			"z.example.com", []string{"z.example.com"}, 1, ""},
		"read, destinations changed, written": {full, strings.Replace(full, `"uri":"a.`, `"uri":"z.`, 1),
			"z.example.com", []string{"z.example.com"}, 1, ""},
		"read, domains changed, written": {full, strings.Replace(full, `["a.`, `["z.`, 1), "z.example.com",
			[]string{"z.example.com"}, 1, ""},
		"read, nothing changed, written": {many, many, one, []string{one, two}, 2, ""},
		"of many, another is the domain": {many,
			strings.Replace(many, `"domain":"a.example.com"`, `"domain":"b.example.com/path"`, 1), two, []string{one, two}, 2,
			""},
		"of many, a new domain loses none unseen": {many, strings.Replace(many, `"domain":"a.`, `"domain":"z.`, 1),
			"", nil, 0, "one of the public destinations"},
		"one destination more": {full,
			strings.Replace(full, `"uri":"a.example.com"}`, `"uri":"a.example.com"},{"uri":"b.example.com/path"}`, 1), one,
			[]string{one, two}, 2, ""},
		"a domain sent beside new destinations stays": {dest,
			`"domain":"b.example.com/path","destinations":[{"type":"public","uri":"a.example.com"},{"type":"public",` +
				`"uri":"b.example.com/path"}]`, two, []string{one, two}, 2, ""},
		"a domain sent beside another order stays": {many,
			`"domain":"a.example.com","destinations":[{"type":"public","uri":"b.example.com/path"},{"type":"public",` +
				`"uri":"a.example.com"}]`, one, []string{two, one}, 2, ""},
		"a domain sent beside new domains stays": {dest,
			`"domain":"b.example.com/path","self_hosted_domains":["a.example.com","b.example.com/path"]`, two,
			[]string{one, two}, 2, ""},
		"a domain that is no longer there is no domain": {many,
			`"domain":"a.example.com","destinations":[{"type":"public","uri":"b.example.com/path"}]`, two, []string{two}, 1,
			""},
		"without a domain, the first counts": {many,
			`"destinations":[{"type":"public","uri":"b.example.com/path"},{"type":"public","uri":"a.example.com"}]`, two,
			[]string{two, one}, 2, ""},
		"written in another way, it is unchanged": {full,
			strings.Replace(full, `"type":"public","uri":"a.example.com"`, `"uri":"\u0061.example.com","type":"public"`, 1),
			one, []string{one}, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var before *destinations
			if c.before != "" {
				b, err := readDestinations(must(v4.ParseObject([]byte("{"+c.before+"}"))), nil)
				if err != nil {
					t.Fatal(err)
				}
				before = &b
			}
			d, err := readDestinations(must(v4.ParseObject([]byte("{"+c.sent+"}"))), before)
			if c.refused != "" {
				if err == nil || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("got %+v, %v", d, err)
				}
				return
			}
			if err != nil || d.domain != c.domain || !slices.Equal(d.hosts, c.hosts) || len(d.list) != c.list {
				t.Fatalf("got %+v, %v", d, err)
			}
			// Sending a response back changes nothing.
			body := v4.Object{}
			d.put(body)
			again, err := readDestinations(must(v4.ParseObject(body.Encode())), &d)
			if err != nil || again.domain != d.domain || !slices.Equal(again.hosts, d.hosts) ||
				len(again.list) != len(d.list) {
				t.Errorf("again %+v, %v", again, err)
			}
		})
	}
}
