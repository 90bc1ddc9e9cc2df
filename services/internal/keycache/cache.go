package keycache

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
)

// Config configures a key cache. Every zero value except Issuer stands for a default.
type Config struct {
	// Issuer is the team domain as tokens name it: https://host, without a trailing slash.
	Issuer string
	// Verified is the number of cached verified tokens; 0 means 16,384, some 10 MB at most.
	Verified int
	// Obtained is the number of cached tokens for services; 0 means 16,384, some 20 MB at most.
	Obtained int
	// Statements bounds the statements requested per second; 0 means 20.
	Statements int
}

// Asker sends a request to the exchange. [bus.Conn] implements it.
type Asker interface {
	Request(ctx context.Context, subject string, body, reply proto.Message) error
}

// Deps are the dependencies of a key cache.
type Deps struct {
	Bus   Asker
	Log   *slog.Logger
	Clock clock.Clock
	// Seen returns the newest revision of the configuration seen, of the kinds that the exchange follows. The exchange
	// does not decide before it has seen the same. Nil: requests name the revision of their application at most.
	Seen func() uint64
}

// Cache verifies and obtains tokens. It is safe for concurrent use.
type Cache struct {
	issuer string
	bus    Asker
	log    *slog.Logger
	clock  clock.Clock
	seen   func() uint64

	keys      atomic.Pointer[keySet]    // nil: not known yet
	confirmed atomic.Pointer[time.Time] // when keys were last requested
	unknown   chan struct{}             // signals a token with an unknown key
	verified  *lru.Cache[[sha256.Size]byte, *verified]

	services   services
	statements statements
}

// New returns a key cache. It knows no keys until [Cache.Run] has requested them.
func New(cfg Config, deps Deps) (*Cache, error) {
	if cfg.Issuer == "" {
		return nil, errors.New("keycache: the team domain is missing")
	}
	size := cfg.Verified
	if size <= 0 {
		size = 16384
	}
	cache, err := lru.New[[sha256.Size]byte, *verified](size)
	if err != nil {
		return nil, fmt.Errorf("keycache: %w", err)
	}
	k := &Cache{
		issuer: cfg.Issuer, bus: deps.Bus, log: deps.Log, clock: deps.Clock, seen: deps.Seen,
		unknown: make(chan struct{}, 1), verified: cache,
	}
	if k.seen == nil {
		k.seen = func() uint64 { return 0 }
	}
	k.services.init(cfg.Obtained)
	if err := k.statements.init(cfg.Statements, deps.Clock.Now()); err != nil {
		return nil, fmt.Errorf("keycache: %w", err)
	}
	return k, nil
}
