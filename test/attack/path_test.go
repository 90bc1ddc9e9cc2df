package attack

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"path"
	"strings"
	"testing"
	"time"
)

// underAdmin tells whether some origin reads a request's target as a path under adminPath, and how. Origins
// decode once or twice, take backslashes and overlong forms for slashes and dots, drop empty segments and
// parameters, end the path at a NUL, ? or #, and do these in any order.
func underAdmin(target string) (reading string, under bool) {
	target, _, _ = strings.Cut(target, "?")
	type state struct {
		path    string
		decoded int
	}
	seen := map[state]bool{}
	todo := []state{{target, 0}}
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[s] {
			continue
		}
		seen[s] = true
		if p := s.path; p == adminPath || strings.HasPrefix(p, adminPath+"/") {
			return p, true
		}
		if s.decoded < 2 {
			todo = append(todo, state{decode(s.path), s.decoded + 1})
		}
		ended, _, _ := strings.Cut(s.path, "\x00")
		parted, _, _ := strings.Cut(s.path, "?")
		marked, _, _ := strings.Cut(s.path, "#")
		for _, p := range []string{ended, parted, marked, strings.ReplaceAll(s.path, `\`, "/"), overlong.Replace(s.path),
			withoutParameters(s.path), path.Clean("/" + s.path)} {
			todo = append(todo, state{p, s.decoded})
		}
	}
	return "", false
}

var overlong = strings.NewReplacer("\xc0\xaf", "/", "\xc0\xae", ".", "\xe0\x80\xaf", "/", "\xe0\x80\xae", ".",
	"\xf0\x80\x80\xaf", "/", "\xf0\x80\x80\xae", ".", "\xc1\x9c", `\`)

// decode keeps invalid escapes unchanged, like lenient decoders.
func decode(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		var c byte
		if s[i] == '%' && i+2 < len(s) {
			if n, err := fmt.Sscanf(s[i+1:i+3], "%02x", &c); n == 1 && err == nil {
				b.WriteByte(c)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func withoutParameters(p string) string {
	segments := strings.Split(p, "/")
	for i, s := range segments {
		segments[i], _, _ = strings.Cut(s, ";")
	}
	return strings.Join(segments, "/")
}

// On a host with an open application and one that is not, told apart by path, nothing gets to the closed one
// by another spelling of its path.
func TestPathTricks(t *testing.T) {
	w := under
	for _, target := range []string{
		"/admin", "/admin/", "/admin/x", "/admin?", "/admin?x=/y", "/%61dmin", "/%61%64%6d%69%6e/x", "/admin#/..", "/admin#",
		"//admin", "///admin//x", "/x//admin/..//admin", "/./admin", "/.//admin", "/x/../admin", "/x/y/../../admin",
		"/../admin", "/..//admin/x", "/%2e/admin", "/%2e%2e/admin", "/x/%2e%2e/admin", "/x/.%2e/admin", "/x/%2E./admin",
		"/x/..%2fadmin", "/x/%2e%2e%2fadmin", "/%2fadmin", "/%2Fadmin", "/admin%2f", "/admin%2Fx", "/x%2f..%2fadmin",
		"/%5cadmin", `/\admin`, `/admin\x`, "/admin%5cx", `/x/..\admin`, "/x/..%5cadmin",
		"/admin;x", "/admin;x=y/z", "/;x/admin", "/x/..;/admin", "/x/..;a/admin", "/admin%3b", "/admin%3Bx/y", "/;/admin",
		"/%3b/admin", "/%2561dmin", "/%252fadmin", "/admin%252fx", "/x/%252e%252e/admin", "/x/%252e%252e%252fadmin",
		"/x/..%252fadmin", "/admin%255cx", "/admin%253bx", "/admin%00", "/admin%00.png", "/admin/%00", "/%00/admin",
		"/x%00/../admin", "/admin%2500", "/%c0%afadmin", "/admin%c0%af", "/admin%c0%afx", "/x/%c0%ae%c0%ae/admin",
		"/x/%c0%ae./admin", "/%e0%80%afadmin", "/admin%e0%80%afx", "/%f0%80%80%afadmin", "/x/..%c0%afadmin",
		"/x%c1%9c..%c1%9cadmin", "/%25c0%25afadmin", "/admin%3f", "/admin%3Fx", "/admin%23", "/admin%253fx",
		"/x/..%3f/../admin", "/%2561dmin/%25", "/%2561dmin%25/..", "/%255cadmin;%5c*%25~", "/%252fadmin/%25zz",
		"/x/%252e%252e/admin/%25", "/%u0061dmin", "/%u002fadmin", "/admin%", "/admin%2", "/%zzadmin", "admin", "*/admin", "",
		"./admin", "/x/" + strings.Repeat("y/../", 500) + "../admin", "/" + strings.Repeat("/", 4000) + "admin",
		"/" + strings.Repeat("%2e/", 1000) + "admin", "/admin" + strings.Repeat("/x", 20000),
		"/admin/" + strings.Repeat("x", 60000), "/admin/" + strings.Repeat("x", 200_000),
		"http://" + siteHost + "/admin", "http://" + siteHost + "//admin", "http://" + siteHost + "/x/../admin",
		"http://" + siteHost + `/\admin`, "http://" + siteHost + ":80/admin", "HTTP://" + siteHost + "/admin",
		"http://" + siteHost + "?/../admin", "https://" + siteHost + "/admin",
		"\t/admin", "/\tadmin", "/admin\t", "/admin\x01", "/\x80/../admin", "/admin\r", "/admin\v", "/admin\u00a0",
	} {
		a, arrived := w.send(t, "", request("GET", siteHost, target))
		for _, x := range arrived {
			if reading, under := underAdmin(x.Target); under {
				t.Errorf("%.100q arrived as %.100q, which can be read as %.100q", target, x.Target, reading)
			}
		}
		if _, under := underAdmin(target); under && (len(arrived) > 0 || a.Status < 400) {
			t.Errorf("%.100q: answered with %d, %d requests arrived", target, a.Status, len(arrived))
		}
	}
	// The service is admitted, and other clients reach the public paths.
	if x := w.admitted(t, "the service",
		request("GET", siteHost, "/admin/x", lines(w.service)...)); x.Target != "/admin/x" {
		t.Errorf("%s arrived", x.Target)
	}
	for _, target := range []string{"/", "/x", "/administrator", "/x/admin", "/x/y%20z", "/?/admin", "/x%2Fy", "/x;y"} {
		if x := w.admitted(t, target, request("GET", siteHost, target)); x.Target != target {
			t.Errorf("%s arrived as %s", target, x.Target)
		}
	}
}

// Targets of random pieces, for cases missing in the tables.
func TestPathsOfPieces(t *testing.T) {
	w := under
	pieces := []string{"/", "/", "/", "admin", "admin", "%61dmin", "x", ".", "..", "%2e", "%2E%2e", "%2f", "%5c", `\`, ";",
		";x=y", "%3b", "%00", "%25", "%252e", "%252f", "%c0%af", "%c0%ae", "%20", "?", "#", "%3f", "%23", "//", "/./", "/../",
		"..;", "%09", "é", "%e9", "~", "*", "%255c"}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	const batch, batches = 50, 20
	arrived := 0
	for range batches {
		// All on one connection: a denied request must not affect the next.
		var targets []string
		var text strings.Builder
		for len(targets) < batch {
			target := "/"
			for range 1 + rnd.IntN(7) {
				target += pieces[rnd.IntN(len(pieces))]
			}
			targets = append(targets, target)
			fmt.Fprintf(&text, "GET %s HTTP/1.1\r\nHost: %s\r\nX-Target: %s\r\n\r\n", target, siteHost, target)
		}
		text.WriteString(request("GET", siteHost, "/"))
		w.origin.take()
		answers := w.exchange(t, "", text.String())
		for _, x := range w.origin.take() {
			arrived++
			if reading, under := underAdmin(x.Target); under {
				t.Errorf("%q arrived as %q, which can be read as %q", x.Header.Get("X-Target"), x.Target, reading)
			}
		}
		// A malformed request ends the connection, with 400.
		if last := answers[len(answers)-1]; len(answers) != batch+1 && last.Status != http.StatusBadRequest {
			t.Errorf("%d answers to %d requests, the last is %d", len(answers), batch+1, last.Status)
		}
		for i, a := range answers[:min(len(answers), batch)] {
			if _, under := underAdmin(targets[i]); under && a.Status < 400 {
				t.Errorf("%q is answered with %d", targets[i], a.Status)
			}
		}
	}
	if arrived < batches {
		t.Errorf("%d requests arrived only", arrived)
	}
}
