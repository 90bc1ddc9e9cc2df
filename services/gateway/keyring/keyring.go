package keyring

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

// Config says whose tokens a keyring is about. The zero values of all but Issuer stand for the defaults.
type Config struct {
	// Issuer is the team domain as tokens name it: https://host, without a trailing slash.
	Issuer string
	// Verified is how many verified tokens are remembered; 0 means 16,384, some 10 MB at most.
	Verified int
	// Obtained is how many tokens of services are kept; 0 means 16,384, some 20 MB at most.
	Obtained int
	// Statements is how many statements a second may be asked for; 0 means 20.
	Statements int
}

// Asker puts a question to the exchange; [bus.Conn] is one.
type Asker interface {
	Request(ctx context.Context, subject string, body, reply proto.Message) error
}

// Deps are what a keyring works with.
type Deps struct {
	Bus   Asker
	Log   *slog.Logger
	Clock clock.Clock
}

// Keyring verifies and obtains tokens. It is safe for concurrent use.
type Keyring struct {
	issuer string
	bus    Asker
	log    *slog.Logger
	clock  clock.Clock

	keys      atomic.Pointer[keySet]    // nil: not known yet
	confirmed atomic.Pointer[time.Time] // when keys were last asked for
	unknown   chan struct{}             // a token named a key that is not known
	verified  *lru.Cache[[sha256.Size]byte, *verified]

	services   services
	statements statements
}

// New makes a keyring; it knows no keys until [Keyring.Run] has asked for them.
func New(cfg Config, deps Deps) (*Keyring, error) {
	if cfg.Issuer == "" {
		return nil, errors.New("keyring: the team domain is missing")
	}
	size := cfg.Verified
	if size <= 0 {
		size = 16384
	}
	cache, err := lru.New[[sha256.Size]byte, *verified](size)
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	k := &Keyring{
		issuer: cfg.Issuer, bus: deps.Bus, log: deps.Log, clock: deps.Clock, unknown: make(chan struct{}, 1), verified: cache,
	}
	k.services.init(cfg.Obtained)
	if err := k.statements.init(cfg.Statements, deps.Clock.Now()); err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	return k, nil
}
