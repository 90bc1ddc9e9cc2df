package gate

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/policy"
)

// A person who was denied at the login gets the page at the application, and is evaluated again at each request.
func TestDeniedAtTheLogin(t *testing.T) {
	w := newFixture(t)
	app := w.app("app.example.com", proto.Gate{}, w.policy(proto.DecisionAllow, emailRule("ada@example.com")))
	nonce := func(email string) string { return w.keys.tokens[w.logIn(email, app)].Nonce }
	ask := func() *Answer { return w.ask("GET", "https://app.example.com/x", http.Header{}) }

	w.login.denied = &Denial{Session: nonce("eve@example.com"), At: w.clock.Now()}
	for range 2 {
		a := ask()
		if a.Admitted() || a.Response.Status != http.StatusForbidden || a.Decision.Reason != policy.PersonNotAdmitted ||
			!strings.Contains(string(a.Response.Body), "eve@example.com") {
			t.Fatalf("%+v", a)
		}
	}
	// The login saw another reason than the application does now: it stands for a moment.
	w.login.denied = &Denial{Session: nonce("ada@example.com"), At: w.clock.Now(),
		Decision: policy.Decision{Reason: policy.PostureFailed}}
	if a := ask(); a.Response == nil || a.Response.Status != http.StatusForbidden ||
		a.Decision.Reason != policy.PostureFailed {
		t.Errorf("%+v", a)
	}
	w.clock.Advance(denialHolds + time.Second)
	if a := ask(); a.Response == nil || a.Response.Status != http.StatusFound || a.Identity.Session != nil {
		t.Errorf("a person who is admitted now is not sent to log in: %+v", a)
	}
	// An ended session causes no denial.
	w.login.denied = &Denial{Session: "ended", At: w.clock.Now()}
	if a := ask(); a.Response == nil || a.Response.Status != http.StatusFound {
		t.Errorf("%+v", a)
	}
}

func TestRequired(t *testing.T) {
	for op, want := range map[proto.Operator]string{proto.OpLess: "less than 7.5", proto.OpLessEqual: "at most 7.5",
		proto.OpGreater: "more than 7.5", proto.OpGreaterEqual: "at least 7.5", proto.OpEqual: "exactly 7.5", "~": ""} {
		if got := required(op, 7.5); got != want {
			t.Errorf("%s is %q, want %q", op, got, want)
		}
	}
}
