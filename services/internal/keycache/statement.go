package keycache

import (
	"context"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

const (
	// statementLife is how long a statement is reused. It is valid for five minutes (api/README.md 8.5).
	statementLife = 4 * time.Minute
	// cachedStatements take about 2 MB.
	cachedStatements = 1024
	// maxStatement bounds the client-supplied text in a statement, in bytes.
	maxStatement = 2 << 10
)

// statementKey identifies equal statements.
type statementKey struct {
	kind        proto.StatementKind
	account     proto.Account
	app         proto.ID
	hostname    string
	redirectURL string
	status      bool
}

// String returns a distinct text for each key.
func (k statementKey) String() string {
	return fmt.Sprintf("%q %s %s %q %q %t", string(k.kind), k.account, k.app, k.hostname, k.redirectURL, k.status)
}

type statement struct {
	token string
	until time.Time
}

// statements caches the signed statements that any request may cause.
type statements struct {
	kept    *lru.Cache[statementKey, statement]
	flights singleflight.Group
	budget  budget
}

func (s *statements) init(perSecond int, now time.Time) (err error) {
	if perSecond <= 0 {
		perSecond = 20
	}
	s.budget = budget{rate: float64(perSecond), left: float64(perSecond), at: now}
	s.kept, err = lru.New[statementKey, statement](cachedStatements)
	return err
}

// Statement returns a signed statement. On an error the caller goes on without one. Equal statements are signed once
// in four minutes. Statements that any client can cause have a budget of signatures, and [ErrBudget] is returned
// beyond it. The questions of external evaluations, each about a known person, are signed every time.
func (k *Cache) Statement(ctx context.Context, q *proto.Statement) (string, error) {
	if q.Kind == proto.StatementExternal {
		return k.askStatement(ctx, q)
	}
	if len(q.Hostname)+len(q.RedirectURL) > maxStatement {
		return "", fmt.Errorf("%w: it is too long", ErrBudget)
	}
	key := statementKey{q.Kind, q.Account, q.Application, q.Hostname, q.RedirectURL, q.ServiceTokenStatus}
	if s, ok := k.statements.kept.Get(key); ok && k.clock.Now().Before(s.until) {
		return s.token, nil
	}
	result := k.statements.flights.DoChan(key.String(), func() (any, error) {
		now := k.clock.Now()
		if !k.statements.budget.take(now) {
			return "", ErrBudget
		}
		token, err := k.askStatement(context.WithoutCancel(ctx), q)
		if err == nil {
			k.statements.kept.Add(key, statement{token, now.Add(statementLife)})
		}
		return token, err
	})
	select {
	case <-ctx.Done():
		return "", fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	case r := <-result:
		token, _ := r.Val.(string)
		return token, r.Err
	}
}

func (k *Cache) askStatement(ctx context.Context, q *proto.Statement) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	asked := *q
	asked.ConfigRevision = k.seen()
	answer, err := k.ask(ctx, topology.Statements, &asked)
	if err != nil {
		return "", err
	}
	return answer.Token, nil
}

// budget is a token bucket: rate per second, with a burst of the same size.
type budget struct {
	mu   sync.Mutex
	rate float64
	left float64
	at   time.Time
}

func (b *budget) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if passed := now.Sub(b.at); passed > 0 {
		b.left = min(b.rate, b.left+passed.Seconds()*b.rate)
	}
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
