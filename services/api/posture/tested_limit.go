package posture

import (
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// Bounds of the tests that a replica passes to the fetchers. A fetcher handles four at once, together with the calls
// before an integration is saved.
const (
	testsAtOnce   = 4
	testsByOne    = 2               // of them, by one account
	testsInBurst  = 10              // of an account
	testsInterval = 2 * time.Second // between two tests of an account after a burst
)

// testLimit bounds tests. It is safe for concurrent use.
type testLimit struct {
	places chan struct{}
	mu     sync.Mutex
	rates  map[proto.Account]*rate.Limiter
	under  map[proto.Account]int // tests under way
}

func newTestLimit() *testLimit {
	return &testLimit{places: make(chan struct{}, testsAtOnce), rates: map[proto.Account]*rate.Limiter{},
		under: map[proto.Account]int{}}
}

// begin admits a test of an account, or returns an error at once. The caller calls done when the test ends.
func (l *testLimit) begin(a proto.Account, now time.Time) (done func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.under[a] == testsByOne {
		return nil, v4.Errorf(http.StatusTooManyRequests, v4.CodeTooManyRequests,
			"%d integrations of the account are being tested: try again in a moment", testsByOne)
	}
	select {
	case l.places <- struct{}{}:
	default:
		return nil, v4.Errorf(http.StatusTooManyRequests, v4.CodeTooManyRequests,
			"%d integrations are being tested: try again in a moment", testsAtOnce)
	}
	if l.rates[a] == nil {
		l.rates[a] = rate.NewLimiter(rate.Every(testsInterval), testsInBurst)
	}
	if !l.rates[a].AllowN(now, 1) {
		<-l.places
		return nil, v4.Errorf(http.StatusTooManyRequests, v4.CodeTooManyRequests,
			"too many tests of integrations: one is allowed every %v, try again in a moment", testsInterval)
	}
	l.under[a]++
	return func() { l.end(a) }, nil
}

func (l *testLimit) end(a proto.Account) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.under[a]--; l.under[a] == 0 {
		delete(l.under, a)
	}
	<-l.places
}
