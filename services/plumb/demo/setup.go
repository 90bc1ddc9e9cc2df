package demo

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/plumb/client"
)

// The names by which a later run finds what an earlier one made.
const (
	IntegrationName = "Demo: sample scoring API"
	tokenName       = "Demo: fetchers"
	appName         = "Demo: sample scoring API"
)

// Check is one of the demo's checks.
type Check struct {
	Name     string
	Operator proto.Operator
	Score    int
}

// Checks are the demo's checks.
var Checks = []Check{
	{"Demo: healthy (score at least 60)", proto.OpGreaterEqual, 60},
	{"Demo: not critical (score above 20)", proto.OpGreater, 20},
}

// Setup says what is set up, and where.
type Setup struct {
	Client *client.Client
	// ScoringURL is where the fetchers reach the sample scoring API.
	ScoringURL string
	Interval   string // how often it is polled, such as "5s"
	// Audience is told the AUD of the application as soon as it is known: the sample API checks it, and
	// refuses all until then.
	Audience func(aud string) error
	Devices  io.Reader // CSV
	// Progress is told what is being done; it may be nil.
	Progress func(what string)
}

// Made is what there is after a set-up.
type Made struct {
	Integration string // id
	Imported    client.Imported
	// Again tells that an earlier run had made all of it.
	Again bool
}

// Run makes what is not there. The integration is made last but for its checks, and paused until they are
// there, so that a run that was cut off is completed by the next.
func (s *Setup) Run(ctx context.Context) (Made, error) {
	var made Made
	integration, err := s.Client.Integrations.Find(ctx, IntegrationName)
	switch {
	case err == nil:
		made.Again = true
		integration, err = s.again(ctx, integration)
	case client.IsNotFound(err):
		integration, made.Imported, err = s.create(ctx)
	}
	if err != nil {
		return made, err
	}
	made.Integration = integration.Value.ID
	if err := s.checks(ctx, made.Integration); err != nil {
		return made, err
	}
	return made, s.resume(ctx, integration.Value)
}

// create makes everything. A service token of an earlier run that was cut off is of no use: its secret is
// kept nowhere.
func (s *Setup) create(ctx context.Context) (client.Item[client.Integration], client.Imported, error) {
	var none client.Item[client.Integration]
	s.tell("enrolling devices")
	imported, err := s.Client.Import(ctx, client.CSV, s.Devices, nil)
	if err != nil {
		return none, imported, fmt.Errorf("enrol devices: %w", err)
	}
	s.tell("creating a service token, an application, an integration and two checks")
	if err := discard(ctx, s.Client.Applications, appName); err != nil {
		return none, imported, err
	}
	if err := discard(ctx, s.Client.ServiceTokens, tokenName); err != nil {
		return none, imported, err
	}
	token, err := s.Client.ServiceTokens.Create(ctx, client.ServiceToken{Name: tokenName, Duration: "8760h"})
	if err != nil {
		return none, imported, fmt.Errorf("create the service token: %w", err)
	}
	if err := s.application(ctx, token.Value.ID); err != nil {
		return none, imported, err
	}
	integration, err := s.Client.Integrations.Create(ctx, client.Integration{
		Name: IntegrationName, Type: proto.TypeCustomS2S, Interval: s.Interval, Paused: new(true),
		Config: client.IntegrationConfig{APIURL: s.ScoringURL, ClientID: token.Value.ClientID, ClientSecret: token.Value.ClientSecret},
	})
	if err != nil {
		err = fmt.Errorf("create the integration: %w", err)
	}
	return integration, imported, err
}

// again goes on with what an earlier run made; the sample API may have moved since.
func (s *Setup) again(ctx context.Context, i client.Item[client.Integration]) (client.Item[client.Integration], error) {
	token, err := s.Client.ServiceTokens.Find(ctx, tokenName)
	if client.IsNotFound(err) {
		return i, fmt.Errorf("the demo's service token is gone; delete the integration %q too, and the next run makes both anew", IntegrationName)
	}
	if err != nil {
		return i, err
	}
	if err := s.application(ctx, token.Value.ID); err != nil {
		return i, err
	}
	if i.Value.Config.APIURL == s.ScoringURL {
		return i, nil
	}
	// Another host needs the secret again, which is kept nowhere: it is made anew.
	renewed, err := s.Client.RotateToken(ctx, token.Value.ID, time.Time{})
	if err != nil {
		return i, err
	}
	body := client.Integration{Config: client.IntegrationConfig{
		APIURL: s.ScoringURL, ClientID: renewed.Value.ClientID, ClientSecret: renewed.Value.ClientSecret}}
	for tries := 1; ; tries++ {
		moved, err := s.Client.Integrations.Update(ctx, i.Value.ID, body)
		if err == nil {
			return moved, nil
		}
		if tries == moveTries || ctx.Err() != nil {
			return moved, fmt.Errorf("point the integration at %s: %w", s.ScoringURL, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// moveTries is how often the integration is pointed at the sample API, which is tested each time: the services that
// check the renewed secret may have just started.
const moveTries = 5

// application makes sure of an application that protects the sample API and lets the service token in, and
// tells its audience.
func (s *Setup) application(ctx context.Context, token string) error {
	u, err := url.Parse(s.ScoringURL)
	if err != nil {
		return err
	}
	app, err := s.Client.Applications.Find(ctx, appName)
	if err == nil && app.Value.Domain == u.Host {
		return s.Audience(app.Value.AUD)
	}
	if err != nil && !client.IsNotFound(err) {
		return err
	}
	if err := discard(ctx, s.Client.Applications, appName); err != nil {
		return err
	}
	app, err = s.Client.Applications.Create(ctx, client.Application{
		Name: appName, Type: "self_hosted", Domain: u.Host, SessionDuration: "1h",
		Policies: []client.Policy{{
			Name: "Demo: fetchers only", Decision: string(proto.DecisionNonIdentity), Precedence: 1,
			Include: []map[string]any{client.ServiceTokenRule(token)},
		}},
	})
	if err != nil {
		return fmt.Errorf("create the application: %w", err)
	}
	return s.Audience(app.Value.AUD)
}

func discard[T client.Named](ctx context.Context, r client.Collection[T], name string) error {
	item, err := r.Find(ctx, name)
	if client.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return r.Delete(ctx, item.Value.ResourceID())
}

// checks makes those of the demo's checks that are not there. One that somebody changed stays changed.
func (s *Setup) checks(ctx context.Context, integration string) error {
	for _, c := range Checks {
		_, err := s.Client.Checks.Find(ctx, c.Name)
		if client.IsNotFound(err) {
			_, err = s.Client.Checks.Create(ctx, client.Check{Name: c.Name, Type: proto.TypeCustomS2S, Input: client.CheckInput{
				Integration: integration, Operator: string(c.Operator), Score: client.Number(float64(c.Score)),
			}})
		}
		if err != nil {
			return fmt.Errorf("check %q: %w", c.Name, err)
		}
	}
	return nil
}

// resume starts the polls of a set-up that has just been made. One that has polled before and is paused
// was paused by somebody.
func (s *Setup) resume(ctx context.Context, i client.Integration) error {
	if !i.IsPaused() {
		return nil
	}
	all, err := s.Client.Status(ctx)
	if err != nil {
		return err
	}
	for _, status := range all {
		if status.ID == i.ID && status.Poll != nil {
			return nil
		}
	}
	_, err = s.Client.Integrations.Update(ctx, i.ID, client.Integration{Paused: new(false)})
	return err
}

func (s *Setup) tell(what string) {
	if s.Progress != nil {
		s.Progress(what)
	}
}
