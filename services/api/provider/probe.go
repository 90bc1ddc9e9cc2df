package provider

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// CodeProviderTest is the code of a message, not of an error.
const CodeProviderTest = 12141

// maxProviderTest bounds the test of a saved provider: a gateway makes its calls within 10 s.
const maxProviderTest = 12 * time.Second

// testProvider has a gateway call an identity provider that was just saved, and returns a message if logins would fail.
// This is not an error: a provider may be configured before it can be reached.
func (s *API) testProvider(ctx context.Context, a proto.Account, p *proto.IdentityProvider) []v4.Notice {
	if p.Type != proto.TypeOIDC {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, min(maxProviderTest, s.cfg.ProbeTimeout))
	defer cancel()
	var reply proto.ProviderProbeAnswer
	err := s.store.Conn.Request(ctx, topology.ProviderProbe(a), &proto.ProviderProbe{
		Provider: p.ID, Issuer: p.Issuer, TokenURL: p.TokenURL, CertsURL: p.CertsURL, SealedSecret: p.SealedSecret,
		Complete: p.AuthURL != "" && p.TokenURL != "" && p.CertsURL != "",
	}, &reply)
	why, text := reply.Failure, reply.Detail
	switch {
	case errors.Is(err, bus.ErrNoResponders):
		why, text = "no_gateway", "No gateway is running: start one, then save the provider again."
	case err != nil:
		s.store.Log.Warn("identity provider test failed", "account", a, "provider", p.ID, "err", err)
		why, text = "no_answer", "No gateway reported in time: save the provider again."
	}
	s.tests.WithLabelValues(cmp.Or(why, "ok")).Inc()
	switch why {
	case "":
		return nil
	case "no_gateway", "no_answer", "busy", "request":
		return []v4.Notice{{Code: CodeProviderTest, Message: "the identity provider is saved and was not tested. " + text}}
	}
	return []v4.Notice{{Code: CodeProviderTest,
		Message: "the identity provider is saved and did not pass the test. " + text}}
}

// sameProvider reports whether a gateway calls two versions of a provider in the same way.
func sameProvider(a, b *proto.IdentityProvider) bool {
	return a.Issuer == b.Issuer && a.AuthURL == b.AuthURL && a.TokenURL == b.TokenURL && a.CertsURL == b.CertsURL &&
		bytes.Equal(a.SealedSecret, b.SealedSecret)
}
