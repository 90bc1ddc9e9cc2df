package keyring

import (
	"bytes"
	"context"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

const (
	// refreshEvery is how often the keys are asked for. The exchange publishes a key a minute before it
	// signs with it.
	refreshEvery = 15 * time.Second
	// retryEvery is how often while it does not answer, and at most how often because of unknown keys.
	retryEvery = time.Second
	// firstRetry is how soon while no key is known yet: at first the exchange starts beside us.
	firstRetry = 20 * time.Millisecond
	// quiet is for how long the exchange may be away before the log says so.
	quiet = 2 * time.Second
)

// Run keeps the public keys up to date until ctx ends.
func (k *Keyring) Run(ctx context.Context) error {
	var failing time.Time // since when
	told := false
	wait := firstRetry
	for {
		err := k.refresh(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil && told:
			k.log.Info("the exchange answers for its public keys again")
			failing, told = time.Time{}, false
		case err == nil:
			failing = time.Time{}
		case failing.IsZero():
			failing = k.clock.Now()
		case !told && k.clock.Now().Sub(failing) >= quiet:
			k.log.Warn("cannot ask for the exchange's public keys, trying again", "err", err)
			told = true
		}
		if k.keys.Load() != nil {
			wait = retryEvery
		}
		// Not sooner than this, whatever tokens name.
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

func (k *Keyring) refresh(ctx context.Context) error {
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
		k.log.Info("the exchange's public keys are known", "keys", len(s.byID))
	}
	k.confirmed.Store(&at)
	return nil
}

// missed has the keys asked for before their time, because a token names one that is not known.
func (k *Keyring) missed() {
	select {
	case k.unknown <- struct{}{}:
	default:
	}
}
