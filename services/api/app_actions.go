package api

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// revokeTokens voids every token of an application that was issued so far (api/README.md 3.2).
func (s *Service) revokeTokens(ctx context.Context, c *call) (answer, error) {
	_, _, err := s.changeApplication(ctx, c, func(app *proto.Application) error {
		app.Gate.RevokedAt = max(app.Gate.RevokedAt, proto.At(s.clock.Now()))
		return nil
	})
	return answer{status: http.StatusAccepted, result: struct{}{}}, err
}

// changeApplication makes a change to the application that the path names, again if somebody else was first.
func (s *Service) changeApplication(ctx context.Context, c *call, change func(*proto.Application) error) (*proto.Application, uint64, error) {
	for range attempts {
		old, err := s.application(ctx, c)
		if err != nil {
			return nil, 0, err
		}
		app := *old.Value
		if err := s.mayChange(c, &app); err != nil {
			return nil, 0, err
		}
		if err := change(&app); err != nil {
			return nil, 0, err
		}
		app.UpdatedAt = proto.At(s.clock.Now())
		revision, err := s.put(ctx, c.account, topology.KindApplication, app.ID, &app, old.Revision)
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return &app, revision, err
	}
	return nil, 0, errConflict
}

// settings are the members that an application's settings endpoint knows.
type settings struct {
	AllowIframe      bool `json:"allow_iframe"`
	SkipInterstitial bool `json:"skip_interstitial"`
}

// changeSettings changes those that the body names, with either method, and keeps the rest.
func (s *Service) changeSettings(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	var now settings
	_, revision, err := s.changeApplication(ctx, c, func(app *proto.Application) error {
		sent := stored(app.Sent)
		for name, into := range map[string]*bool{"allow_iframe": &now.AllowIframe, "skip_interstitial": &now.SkipInterstitial} {
			said, given, err := body.boolean(name)
			if err != nil {
				return err
			}
			if given {
				sent.set(name, said)
			} else if _, null := body[name]; null {
				delete(sent, name)
			}
			*into, _, _ = sent.boolean(name)
		}
		app.Sent = sent.sent()
		return nil
	})
	return answer{result: now, revision: revision}, err
}

// namesWhatIs refuses tags and identity providers that are not there (api/README.md 1.6). Those that the
// application had before may have been removed since: they are no reason to refuse another change.
func (s *Service) namesWhatIs(a proto.Account, body object, app, old *proto.Application) error {
	var tags []string
	var idps []proto.ID
	if old != nil {
		tags, idps = texts(stored(old.Sent)["tags"]), old.Gate.IDPs
	}
	for _, tag := range texts(body["tags"]) {
		if _, found := s.catalog.Tag(a, tag); !found && !slices.Contains(tags, tag) {
			return invalid("tags contain a tag that does not exist: %q", clip(tag))
		}
	}
	for _, idp := range app.Gate.IDPs {
		if _, found := s.catalog.IdentityProvider(a, idp); !found && !slices.Contains(idps, idp) {
			return invalid("allowed_idps contains an identity provider that does not exist: %s", idp)
		}
	}
	return nil
}
