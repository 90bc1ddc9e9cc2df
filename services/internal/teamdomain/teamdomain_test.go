package teamdomain

import "testing"

func TestTeamDomains(t *testing.T) {
	for text, want := range map[string][2]string{
		"https://team.example.com":      {"https://team.example.com", "https://team.example.com"},
		"https://Team.Example.com/":     {"https://Team.Example.com", "https://team.example.com"},
		"https://team.example.com:443":  {"https://team.example.com:443", "https://team.example.com"},
		"http://127.0.0.1:8401":         {"http://127.0.0.1:8401", "http://127.0.0.1:8401"},
		"http://[::1]:80":               {"http://[::1]:80", "http://[::1]"},
		"https://täm.example":           {"https://xn--tm-via.example", "https://xn--tm-via.example"},
		"https://t%C3%A4m.example:8443": {"https://xn--tm-via.example:8443", "https://xn--tm-via.example:8443"},
		"":                              {}, "team.example.com": {}, "ftp://team.example.com": {}, "https://team.example.com/x": {}, "https://": {},
		"https://team.example.com:": {}, "https://team.example.com:0443": {}, "https://a b": {}, "https://u@team.example.com": {},
		"https://a..b": {}, "https://xn--a.example": {},
	} {
		issuer, _ := Issuer(text)
		parsed := ""
		if u, err := Parse(text); err == nil {
			parsed = u.String()
		}
		if issuer != want[0] || parsed != want[1] {
			t.Errorf("%q: issuer %q, URL %q; want %q", text, issuer, parsed, want)
		}
	}
}
