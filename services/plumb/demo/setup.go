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

// The names of the demo's resources, by which a later run finds them.
const (
	IntegrationName = "Demo: sample scoring API"
	tokenName       = "Demo: fetchers"
	appName         = "Demo: sample scoring API"
)

// Check is a check of the demo.
type Check struct {
	Name     string
	Operator proto.Operator
	Score    int
}

// Checks lists the checks of the demo.
var Checks = []Check{
	{"Demo: healthy (score at least 60)", proto.OpGreaterEqual, 60},
	{"Demo: not critical (score above 20)", proto.OpGreater, 20},
}

// Setup describes the set-up.
type Setup struct {
	Client *client.Client
	// ScoringURL is the URL of the sample scoring API, as the fetchers reach it.
	ScoringURL string
	Interval   string // time between polls, such as "5s"
	// Audience receives the AUD of the application as soon as it is known. The sample API rejects every request until
	// it has the AUD.
	Audience func(aud string) error
	Devices  io.Reader // CSV
	// Progress receives a description of each step; it may be nil.
	Progress func(what string)
}

// Made is the result of a set-up.
type Made struct {
	Integration string // id
	Imported    client.Imported
	// Again is set if an earlier run had created everything.
	Again bool
}

// Run creates the missing resources. The integration is created before its checks and paused until they exist, so that
// the next run completes an interrupted one.
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

// create creates everything. It replaces a service token of an interrupted run, because its secret was not stored.
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
		Config: client.IntegrationConfig{APIURL: s.ScoringURL, ClientID: token.Value.ClientID,
			ClientSecret: token.Value.ClientSecret},
	})
	if err != nil {
		err = fmt.Errorf("create the integration: %w", err)
	}
	return integration, imported, err
}

// again uses the resources of an earlier run. The address of the sample API may have changed since.
func (s *Setup) again(ctx context.Context, i client.Item[client.Integration]) (client.Item[client.Integration], error) {
	token, err := s.Client.ServiceTokens.Find(ctx, tokenName)
	if client.IsNotFound(err) {
		return i, fmt.Errorf("the demo's service token does not exist: delete the integration %q too and run the demo again",
			IntegrationName)
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
	// Another host requires the secret again. It was not stored, so it is replaced.
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

// moveTries is how often the integration's URL is changed before giving up. Each try calls the sample API, and services
// that verify the new secret may have just started.
const moveTries = 5

// application creates the application that protects the sample API and admits the service token, unless it exists, and
// reports its AUD.
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

// checks creates the missing checks of the demo. Existing ones are not changed.
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

// resume starts the polls of a new set-up. An integration that has polled before and is paused was paused by a user.
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
