package headername

import "testing"

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
		"X.Forwarded.Email": true, "X-Forwarded": false, "X-Real-Ip": true, "x_real_ip": true, "True-Client-Ip": true, "Forwarded": true,
		"X-Http-Method-Override": true, "Cfo": false, "Cookie": false, "X-Token": false, "From": false, "Te": false, "": false,
	} {
		if Claimed(name) != want {
			t.Errorf("%q: %t", name, !want)
		}
	}
	// What the gateway takes off every request cannot carry anything.
	for _, name := range claimed {
		if _, ok := Credentials(name); ok || !Claimed(name) {
			t.Errorf("%s is taken off and read", name)
		}
	}
}

func TestSame(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{{"X-Token", "x_token", true}, {"X.Token", "X-Token", true}, {"X-Token", "XToken", false}, {"X-Token", "X-Tokem", false}, {"A1", "a2", false}} {
		if Same(c.a, c.b) != c.want || Same(c.b, c.a) != c.want {
			t.Errorf("%s and %s", c.a, c.b)
		}
	}
}
