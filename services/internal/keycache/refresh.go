package keycache

import (
	"bytes"
	"context"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

const (
	// refreshEvery is the interval between requests for the keys. The exchange publishes a key a minute before
	// signing with it.
	refreshEvery = 15 * time.Second
	// retryEvery is the interval between retries, and the shortest interval between requests caused by unknown keys.
	retryEvery = time.Second
	// firstRetry is the first delay while no key is known: the exchange may be starting beside us.
	firstRetry = 20 * time.Millisecond
	// quiet is how long the exchange may be away before a warning is logged.
	quiet = 2 * time.Second
)

// Run keeps the public keys up to date until ctx ends.
func (k *Cache) Run(ctx context.Context) error {
	var failing time.Time // since when
	told := false
	wait := firstRetry
	for {
		err := k.refresh(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil && told:
			k.log.Info("public keys are available again")
			failing, told = time.Time{}, false
		case err == nil:
			failing = time.Time{}
		case failing.IsZero():
			failing = k.clock.Now()
		case !told && k.clock.Now().Sub(failing) >= quiet:
			k.log.Warn("failed to fetch the public keys, retrying", "err", err)
			told = true
		}
		if k.keys.Load() != nil {
			wait = retryEvery
		}
		// This is the shortest interval, no matter how many tokens name unknown keys.
		select {
		case <-ctx.Done():
			return nil
		case <-k.clock.After(wait):
		}
		if err != nil {
			wait = min(2*wait, retryEvery)
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-k.unknown:
		case <-k.clock.After(refreshEvery - retryEvery):
		}
	}
}

func (k *Cache) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	at := k.clock.Now()
	var answer proto.CertsAnswer
	if err := k.bus.Request(ctx, topology.Certs, &proto.CertsQuery{}, &answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return answer.Error
	}
	before := k.keys.Load()
	if before == nil || !bytes.Equal(before.document, answer.Certs) {
		s, err := parseCerts(answer.Certs, before)
		if err != nil {
			return err
		}
		k.keys.Store(s)
		k.log.Info("public keys updated", "keys", len(s.byID))
	}
	k.confirmed.Store(&at)
	return nil
}

// missed requests the keys early, because a token names an unknown one.
func (k *Cache) missed() {
	select {
	case k.unknown <- struct{}{}:
	default:
	}
}
