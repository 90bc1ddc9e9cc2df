package gate

import (
	"net/http"
	"time"

	"plumbline.dev/services/internal/policy"
)

// Denial is a login at which the policies denied a person.
type Denial struct {
	Session  string // the nonce
	Decision policy.Decision
	At       time.Time
}

// denialHolds is how long a denial at a login overrides the decision at the application. The two may see different
// addresses or certificates, and would otherwise redirect a browser back and forth.
const denialHolds = 5 * time.Second

// deniedAgain answers a person denied by the policies at the login and still denied: they are not sent to log in
// again, and each reload evaluates the request anew.
func (q *evaluation) deniedAgain() bool {
	denial, ok := q.login.Denied(q.r, q.a.App)
	if !ok {
		return false
	}
	who, void := q.person(denial.Session)
	if void != policy.Undecided {
		return false // a new login gives a better answer
	}
	q.a.Identity = who
	d := policy.Decide(q.app.policies, q.facts())
	if d.Admitted() {
		if q.now.Sub(denial.At) >= denialHolds {
			q.a.Identity = Identity{}
			return false // the global session provides a token
		}
		d = denial.Decision
	}
	q.refuse(d, http.StatusForbidden)
	return true
}
