package headername

import (
	"strings"
	"testing"
)

func TestCredentials(t *testing.T) {
	for name, want := range map[string]string{
		"Authorization": "Authorization", "x_token": "X_token", "x-service-token": "X-Service-Token", "Hostname": "Hostname", "Cfo": "Cfo",
		"Host": "", "cookie": "", "HOST": "", "Keep_Alive": "", "Proxy-Authorization": "", "proxy_x": "", "TE": "", "transfer.encoding": "",
		"Cf-Access-Client-Id": "", "CF_Access_Token": "", "Cf-Ray": "", "cf-anything": "", "X-Forwarded-For": "", "x_forwarded_anything": "",
		"Forwarded": "", "X-Real-IP": "", "True-Client-Ip": "", "X-HTTP-Method-Override": "", "Sec-Fetch-Mode": "", "Origin": "", "Expect": "",
		"": "", "a b": "", "a:b": "", "a\nb": "", "ä": "",
	} {
		if got, ok := Credentials(name); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %t", name, got, ok)
		}
	}
}

func TestClaimed(t *testing.T) {
	for name, want := range map[string]bool{
		"Cf-Ray": true, "Cf-Ipcountry": true, "CF_IPCOUNTRY": true, "Cf-Access-Jwt-Assertion": true, "X-Forwarded-For": true, "X-Forwarded-User": true,
		"X.Forwarded.Email": true, "X-Forwarded": true, "X-Real-Ip": true, "x_real_ip": true, "True-Client-Ip": true, "Forwarded": true,
		"X-Http-Method-Override": true, "Cfo": false, "Cookie": false, "X-Token": false, "From": false, "Te": false, "": false,
	} {
		if Claimed(name) != want {
			t.Errorf("%q: %t", name, !want)
		}
	}
	// A header removed by the gateway cannot carry credentials.
	for name := range claimed {
		if _, ok := Credentials(name); ok || !Claimed(name) {
			t.Errorf("%s is removed and read", name)
		}
	}
	for name := range claimed {
		if len(name) > longestName || !mayBeClaimed(name[0]) {
			t.Errorf("%s is never found", name)
		}
	}
	for _, family := range claimedFamilies {
		if len(family) > longestName || !Claimed(family+"x") || !Claimed(strings.ToUpper(family)+strings.Repeat("x", 100)) {
			t.Errorf("%s is never found", family)
		}
	}
}

// Every spelling of every claimed name, and every other spelling of HTTP's own, is claimed.
func TestSpellings(t *testing.T) {
	for _, name := range []string{"X-Original-Path", "X-Original-Host", "X-Original-Method", "X-Original-URL",
		"X-Original-URI", "X-Override-URL", "X-HTTP-Host-Override", "X-Rewrite-Uri", "X-Rewrite-URL", "X-Envoy-Original-Path",
		"X-Envoy-Original-Host", "Proxy", "X-Host", "X-Forwarded-Prefix",
		"X-Accel-Mapping", "X-Auth-Request-Email", "Remote-User", "Cf-Connecting-Ip"} {
		for _, sign := range []string{"-", "_", ".", "~"} {
			for _, spelt := range []string{strings.ToLower(name), strings.ToUpper(name), name} {
				if spelt = strings.ReplaceAll(spelt, "-", sign); !Claimed(spelt) ||
					Misspelt(spelt) != (sign != "-" && strings.Contains(name, "-")) {
					t.Errorf("%s: claimed %t, misspelt %t", spelt, Claimed(spelt), Misspelt(spelt))
				}
			}
		}
	}
	for _, name := range []string{"Content-Length", "Transfer-Encoding", "Content-Type", "Set-Cookie", "Keep-Alive",
		"Sec-Fetch-Mode", "Access-Control-Request-Method"} {
		if Claimed(name) || !Claimed(strings.ReplaceAll(name, "-", "_")) ||
			!Claimed(strings.ReplaceAll(strings.ToLower(name), "-", ".")) {
			t.Errorf("%s: %t", name, Claimed(name))
		}
	}
	for _, name := range []string{"x_token", "X_Api_Key", "Content", "Contents_Length", "Accept", "X-Requested-With",
		"User-Agent", "Referer", "Range", "Prefer", "Te"} {
		if Claimed(name) {
			t.Errorf("%s is claimed", name)
		}
	}
}

func TestSame(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{{"X-Token", "x_token", true}, {"X.Token", "X-Token", true}, {"X-Token", "XToken", false},
		{"X-Token", "X-Tokem", false}, {"A1", "a2", false}} {
		if Same(c.a, c.b) != c.want || Same(c.b, c.a) != c.want {
			t.Errorf("%s and %s", c.a, c.b)
		}
	}
}
