package keyring

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
	// statementLife is for how long a statement is used again; it is good for five minutes (api/README.md 8.5).
	statementLife = 4 * time.Minute
	// cachedStatements are some 2 MB.
	cachedStatements = 1024
	// maxStatement bounds what a stranger has signed.
	maxStatement = 2 << 10
)

// statementKey is what makes two statements the same.
type statementKey struct {
	kind        proto.StatementKind
	account     proto.Account
	app         proto.ID
	hostname    string
	redirectURL string
	status      bool
}

// String tells every two keys apart.
func (k statementKey) String() string {
	return fmt.Sprintf("%q %s %s %q %q %t", string(k.kind), k.account, k.app, k.hostname, k.redirectURL, k.status)
}

type statement struct {
	token string
	until time.Time
}

// statements are the signed statements that anybody's request may ask for.
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

// Statement gives a signed statement; an error means to go on without. One that says the same as another is
// signed once in four minutes. What strangers can ask for has a budget of signatures, beyond which it is
// [ErrBudget]; the questions of external evaluations, each of which is asked for somebody who is known, are
// signed every time.
func (k *Keyring) Statement(ctx context.Context, q *proto.Statement) (string, error) {
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

func (k *Keyring) askStatement(ctx context.Context, q *proto.Statement) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	answer, err := k.ask(ctx, topology.Statements, q)
	if err != nil {
		return "", err
	}
	return answer.Token, nil
}

// budget is so many a second, and as many at once.
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
