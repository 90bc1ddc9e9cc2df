package provision

import (
	"context"
	"errors"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// copyTokenUses copies the last uses of service tokens from TOKENS, where earlier versions stored them, to TOKEN_USES.
// It leaves the originals, and it copies no key present in TOKEN_USES, so it may be interrupted and repeated. Without
// the copies, the exchange would retire tokens as unused.
func (p *provisioner) copyTokenUses(ctx context.Context) error {
	old, err := p.Subjects(ctx, topology.BucketStream(topology.Tokens),
		topology.BucketSubject(topology.Tokens, topology.AllTokenSeenKeys))
	if err != nil || len(old) == 0 {
		return err
	}
	there, err := p.Subjects(ctx, topology.BucketStream(topology.TokenUses), ">")
	if err != nil {
		return err
	}
	copied := 0
	for subject := range old {
		key, err := topology.KeyOf(topology.Tokens, subject)
		if err != nil {
			return err
		}
		if there[topology.BucketSubject(topology.TokenUses, key)] > 0 {
			continue
		}
		var seen proto.TokenSeen
		switch _, err = p.Get(ctx, topology.Tokens, key, &seen); {
		case errors.Is(err, bus.ErrNotFound):
			continue
		case bus.IsPermanent(err):
			p.Unreadable(topology.BucketStream(topology.Tokens), key, 0, err)
			continue
		case err != nil:
			return err
		}
		_, err = p.Publish(ctx, bus.PutMsg(topology.TokenUses, key, &seen, 0))
		if err != nil && !errors.Is(err, bus.ErrConflict) {
			return err
		}
		copied++
	}
	if copied > 0 {
		p.log.Info("copied the last uses of service tokens to a bucket of their own", "records", copied)
	}
	return nil
}
