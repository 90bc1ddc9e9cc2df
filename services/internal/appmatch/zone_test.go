package appmatch

import "testing"

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		destination, suffix string
		within, reaches     bool
	}{
		{"lab", "lab", true, true},
		{"closed.lab", "lab", true, true},
		{"CLOSED.LAB.", "lab", true, true},
		{"a.b.lab:80/secret", "lab", true, true},
		{"*.lab", "lab", true, true},
		{"x*.lab/a*", "lab", true, true},
		{"*.lab", "team.lab", false, true},
		{"*.*", "lab", false, true},
		{"team.*", "team.lab", false, true},
		{"*lab", "lab", false, true},
		{"evillab", "lab", false, false},
		{"lab.example.com", "lab", false, false},
		{"lab", "team.lab", false, false},
		{"other.lab", "team.lab", false, false},
		{"127.0.0.1:8080", "127.0.0.1", true, true},
		{"127.0.0.*", "127.0.0.1", false, true},
		{"[::1]:80", "::1", true, true},
	} {
		p, err := Parse(c.destination)
		if err != nil {
			t.Fatal(err)
		}
		suffix, err := Suffix(c.suffix)
		if err != nil {
			t.Fatal(err)
		}
		if p.Within(suffix) != c.within || p.Reaches(suffix) != c.reaches {
			t.Errorf("%s and %s: within %v, reaches %v", c.destination, c.suffix, p.Within(suffix), p.Reaches(suffix))
		}
	}
	for _, s := range []string{"", "*.lab", "lab:80", "lab/x", "lab/", "https://lab", ".lab", "a..lab", "a b"} {
		if got, err := Suffix(s); err == nil {
			t.Errorf("%q is the suffix %q", s, got)
		}
	}
}

// TestIntrudes checks which destinations get requests for a host of another one.
func TestIntrudes(t *testing.T) {
	for _, c := range []struct {
		a, b string // a takes requests for a host of b
		want bool
	}{
		{"console.lab", "console.lab", true},
		{"console.lab/x", "console.lab", true},
		{"console.lab:8443/x", "console.lab", true},
		{"console.lab", "console.lab/x", true},
		{"console.lab:81", "console.lab:80", true},
		{"CONSOLE.lab.", "console.lab", true},
		{"console.lab", "*.lab", true},
		{"*.lab/x", "*.lab", true},
		{"*.lab:81", "*.lab:80", true},
		{"*e.lab", "c*.lab", true},
		{"c*.lab", "*e.lab", false},
		// The rest of the host is free for less specific destinations.
		{"*.lab", "console.lab:443", true},
		{"*.lab", "console.lab/x", true},
		{"*.lab:8443", "console.lab/x", true},
		{"*.lab", "console.lab", false},
		{"*.lab:8443/x", "console.lab", false},
		{"other.lab", "console.lab", false},
		{"x.console.lab", "console.lab", false},
		{"x*.lab", "console.lab/x", false},
	} {
		a, err1 := Parse(c.a)
		b, err2 := Parse(c.b)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if a.Intrudes(b) != c.want {
			t.Errorf("%s intrudes on %s: %v", c.a, c.b, !c.want)
		}
	}
	if (Pattern{}).Intrudes(Pattern{}) {
		t.Error("a pattern that covers nothing intrudes")
	}
}

func TestOverrides(t *testing.T) {
	for _, c := range []struct {
		a, b string // a takes requests from b
		want bool
	}{
		{"closed.lab/secret", "closed.lab", true},
		{"closed.lab:80", "closed.lab", true},
		{"closed.lab", "*.lab", true},
		{"c*.lab", "*.lab", true},
		{"closed.lab/a*", "closed.lab", true},
		{"closed.lab/a*", "closed.lab/", true},
		{"closed.lab/a/b", "closed.lab/a*", true},
		{"closed.lab/a*/b", "closed.lab/a", true},
		{"closed.lab/*x", "closed.lab", true},
		{"*.lab", "closed.lab", false},
		{"closed.lab", "closed.lab/secret", false},
		{"closed.lab", "closed.lab:80", false},
		{"closed.lab:81/x", "closed.lab:80", false},
		{"open.lab/secret", "closed.lab", false},
		{"a.closed.lab", "closed.lab", false},
		{"a.closed.lab", "*.lab", false},
		{"x*.lab", "y*.lab", false},
		{"closed.lab/ab", "closed.lab/a", false},
		{"closed.lab/b*", "closed.lab/a", false},
		{"closed.lab", "closed.lab", false},
	} {
		a, err1 := Parse(c.a)
		b, err2 := Parse(c.b)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if a.Overrides(b) != c.want {
			t.Errorf("%s overrides %s: %v", c.a, c.b, !c.want)
		}
	}
}
