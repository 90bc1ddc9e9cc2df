package device

import (
	"context"
	"strings"

	"plumbline.dev/proto"
)

// RevokeOf revokes the devices enrolled for an e-mail address, which must not be empty, a thousand at a time.
func (s *API) RevokeOf(ctx context.Context, a proto.Account, email string) error {
	for {
		if err := s.Fresh(ctx); err != nil {
			return err
		}
		some, err := s.List(ctx, a, &Query{Active: true, Email: strings.ToLower(email)}, maxDevices)
		if err != nil || len(some) == 0 {
			return err
		}
		ids := make([]proto.ID, len(some))
		for n := range some {
			ids[n] = some[n].Device.ID
		}
		if err := s.changeState(ctx, a, revocation, ids); err != nil {
			return err
		}
	}
}
