package person

import (
	"context"
	"net/http"
	"sync"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/policy"
)

// Refuses reports whether the policies of an application refuse the person of a session now, and why.
type Refuses func(ctx context.Context, app catalog.Record[proto.Application],
	login *proto.Session) (why policy.Decision, refused bool, err error)

// Bounds of the remembered decisions. A decision is made again after its time, or when the configuration changed.
const (
	decisionAge  = 5 * time.Second
	maxDecisions = 4096
)

// admission decides whether the policies of the console's application still admit a person. The session outlives a
// decision of the gateway, which makes one for each request. It is safe for concurrent use.
type admission struct {
	store   *store.Store
	refuses Refuses

	mu       sync.Mutex
	revision uint64 // of the configuration
	decided  map[proto.ID]decided
}

type decided struct {
	until   time.Time
	refusal error // nil: admitted
}

// check returns an error if the policies refuse the person of a session.
func (a *admission) check(ctx context.Context, app catalog.Record[proto.Application], s *proto.Session) error {
	now, revision := a.store.Clock.Now(), a.store.Catalog.Revision()
	key := proto.DeriveID(app.Account, app.Value.AUD+" "+s.Nonce)
	a.mu.Lock()
	if a.revision != revision || len(a.decided) >= maxDecisions {
		a.revision, a.decided = revision, map[proto.ID]decided{}
	}
	known, found := a.decided[key]
	a.mu.Unlock()
	if found && now.Before(known.until) {
		return known.refusal
	}
	why, refused, err := a.refuses(ctx, app, s)
	if err != nil {
		return err
	}
	fresh := decided{until: now.Add(decisionAge)}
	if refused {
		fresh.refusal = v4.Errorf(http.StatusForbidden, v4.CodeUnauthorized,
			"Unauthorized to access requested resource: the policies of the console's application do not admit %s (%s): %s",
			v4.Quote(s.Email), why.Reason, why.Reason.Sentence())
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.revision == revision {
		a.decided[key] = fresh
	}
	return fresh.refusal
}
