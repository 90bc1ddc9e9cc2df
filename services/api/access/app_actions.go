package access

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// revokeTokens revokes every token issued for an application so far (api/README.md 3.2).
func (s *API) revokeTokens(ctx context.Context, c *v4.Call) (v4.Response, error) {
	_, _, err := s.changeApplication(ctx, c, func(app *proto.Application) error {
		app.Gate.RevokedAt = max(app.Gate.RevokedAt, proto.At(s.store.Clock.Now()))
		return nil
	})
	return v4.Response{Status: http.StatusAccepted, Result: struct{}{}}, err
}

// changeApplication applies a change to the application that the path names. It tries again after a lost race.
func (s *API) changeApplication(ctx context.Context, c *v4.Call,
	change func(*proto.Application) error) (*proto.Application, uint64, error) {
	for range store.MaxAttempts {
		old, err := s.Application(ctx, c)
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
		app.UpdatedAt = proto.At(s.store.Clock.Now())
		revision, err := s.store.Put(ctx, c.Account, topology.KindApplication, app.ID, &app, store.PriorOf(old))
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return &app, revision, err
	}
	return nil, 0, v4.ErrConflict
}

// settings holds the members of an application's settings endpoint.
type settings struct {
	AllowIframe      bool `json:"allow_iframe"`
	SkipInterstitial bool `json:"skip_interstitial"`
}

// changeSettings changes the settings in the body and keeps the others, for PUT and for PATCH.
func (s *API) changeSettings(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
	}
	var now settings
	_, revision, err := s.changeApplication(ctx, c, func(app *proto.Application) error {
		sent := v4.Decode(app.Sent)
		for name, into := range map[string]*bool{"allow_iframe": &now.AllowIframe,
			"skip_interstitial": &now.SkipInterstitial} {
			said, given, err := body.Bool(name)
			if err != nil {
				return err
			}
			if given {
				sent.Set(name, said)
			} else if _, null := body[name]; null {
				delete(sent, name)
			}
			*into, _, _ = sent.Bool(name)
		}
		app.Sent = sent.Encode()
		return nil
	})
	return v4.Response{Result: now, Revision: revision}, err
}

// checkReferences returns an error if an application names a tag or an identity provider that does not exist
// (api/README.md 1.6). Names that the application had before are accepted: their removal since must not block other
// changes.
func (s *API) checkReferences(a proto.Account, body v4.Object, app, old *proto.Application) error {
	var tags []string
	var idps []proto.ID
	if old != nil {
		tags, idps = v4.Strings(v4.Decode(old.Sent)["tags"]), old.Gate.IDPs
	}
	for _, tag := range v4.Strings(body["tags"]) {
		if _, found := s.store.Catalog.Tag(a, tag); !found && !slices.Contains(tags, tag) {
			return v4.Invalid("tags contain a tag that does not exist: %q", v4.Clip(tag))
		}
	}
	for _, idp := range app.Gate.IDPs {
		if _, found := s.store.Catalog.IdentityProvider(a, idp); !found && !slices.Contains(idps, idp) {
			return v4.Invalid("allowed_idps contains an identity provider that does not exist: %s", idp)
		}
	}
	return nil
}
