//go:build jose

package jose

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"plumbline.dev/test/internal/stack"
)

// verifier is verify.py.
type verifier struct {
	in  io.WriteCloser
	out *bufio.Scanner
}

func newVerifier(t *testing.T, certs, issuer string) *verifier {
	t.Helper()
	cmd := exec.Command(python(t), "verify.py", certs, issuer)
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close() // its end
		if err := cmd.Wait(); err != nil {
			t.Errorf("verify.py: %v", err)
		}
	})
	return &verifier{in, bufio.NewScanner(out)}
}

// python returns a Python with PyJWT and RS256.
func python(t *testing.T) string {
	t.Helper()
	var all []string
	for _, path := range []string{"python3", "/usr/bin/python3"} {
		out, err := exec.Command(path, "-c", "import jwt, cryptography").CombinedOutput()
		if err == nil {
			return path
		}
		all = append(all, fmt.Sprintf("%s: %v %s", path, err, out))
	}
	t.Fatalf("there is no Python with PyJWT (Debian: apt-get install python3-jwt):\n%s", strings.Join(all, "\n"))
	return ""
}

// accepts returns the id of the key that verified a token, and fails the test if the token is rejected.
func (v *verifier) accepts(t *testing.T, aud, token string) (kid string) {
	t.Helper()
	if _, err := fmt.Fprintln(v.in, aud, token); err != nil {
		t.Fatal(err)
	}
	if !v.out.Scan() {
		t.Fatalf("the verifier ended: %v", v.out.Err())
	}
	kid, ok := strings.CutPrefix(v.out.Text(), "ok ")
	if !ok {
		t.Fatalf("the verifier answers %q", v.out.Text())
	}
	return kid
}

// An origin that uses the library of another language accepts every request before, during and after a rotation of the
// signing keys, with existing and with new tokens.
func TestATokenOfEveryKeyIsAccepted(t *testing.T) {
	plumb := stack.Up(t)
	control, err := plumb.Control()
	if err != nil {
		t.Fatal(err)
	}
	token, err := control.CreateToken(t.Context(), "service")
	if err != nil {
		t.Fatal(err)
	}
	origin := stack.NewOrigin(t, nil)
	visitor := stack.NewVisitor(t, plumb.Access, "", nil)
	verifier := newVerifier(t, plumb.Certs(), plumb.Issuer())
	requests, apps := 0, 0
	create := func() (host, aud string) {
		t.Helper()
		host = fmt.Sprintf("app-%d.example.com", apps)
		apps++
		app, err := control.CreateGuarded(t.Context(), stack.Guarded{Name: host, Domain: host, Origin: origin.URL,
			Policies: []any{stack.Policy("service", "non_identity", []any{stack.TokenRule(token.ID)})}})
		if err != nil {
			t.Fatal(err)
		}
		return host, app.AUD
	}
	// visit is one request; the gateway may take a moment to know an application that is new.
	visit := func(host, aud string, fresh bool) (kid, assertion string) {
		t.Helper()
		err := stack.AskUntil(20*time.Second, func() error {
			v, err := visitor.Get(t.Context(), "http://"+host+"/", token.Credentials()...)
			if err == nil && v.Status != http.StatusOK {
				err = fmt.Errorf("%d %s", v.Status, v.Body)
			}
			if err != nil && !fresh {
				t.Fatal(err)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		requests++
		assertion = origin.Last().Header.Get("Cf-Access-Jwt-Assertion")
		return verifier.accepts(t, aud, assertion), assertion
	}

	host, aud := create()
	first, oldest := visit(host, aud, true)
	if err := control.RotateKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	rotated := time.Time{}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute*stack.Slowness())
	defer cancel()
	for made := time.Now(); rotated.IsZero() || time.Since(rotated) < 5*time.Second; {
		if ctx.Err() != nil {
			t.Fatalf("no token is signed with another key than %s", first)
		}
		visit(host, aud, false)
		verifier.accepts(t, aud, oldest)
		if time.Since(made) > 500*time.Millisecond {
			made = time.Now()
			newHost, newAUD := create()
			if kid, _ := visit(newHost, newAUD, true); kid != first && rotated.IsZero() {
				rotated = time.Now()
			}
		}
		<-time.After(20 * time.Millisecond)
	}
	t.Logf("%d requests to %d applications, every one accepted; the key changed", requests, apps)
}
