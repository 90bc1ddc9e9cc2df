package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/gateway"
	"plumbline.dev/services/plumb"
	"plumbline.dev/services/plumb/client"
)

const (
	guardedName = "Demo: guarded application"
	visitorName = "Demo: visitor"
	guardedHost = "demo.localhost"
	// settled is how long the gateway may take to serve a new application.
	settled = 30 * time.Second
	// recent is the age at most of the result that a device is chosen by. Every machine completes a poll in this time.
	recent = 10 * time.Minute
)

// Guard makes a gateway identify the sample's devices by their addresses, and trust X-Forwarded-For from this machine:
// the demo acts as a proxy for them. Settings of the operator are kept.
func Guard(g *gateway.Config) {
	if len(g.Overlay) == 0 {
		g.Overlay = []netip.Prefix{netip.MustParsePrefix("100.96.0.0/12")}
	}
	if len(g.TrustedProxy) == 0 {
		g.TrustedProxy = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}
}

// guarded shows an application behind the gateway to a device that passes the first check and to one that fails it.
type guarded struct {
	client       *client.Client
	installation plumb.Installation
	show         *Show
}

// run creates the application, sends a request from each device, shows the responses, and keeps the application running
// until ctx ends.
func (g *guarded) run(ctx context.Context) error {
	pass, fail, check, err := g.devices(ctx)
	if err != nil {
		return err
	}
	origin, err := serve(ctx)
	if err != nil {
		return err
	}
	visitor, err := g.setUp(ctx, origin, check)
	if err != nil {
		return err
	}
	secret := string(g.installation.Data) + "/demo.secret"
	if err := os.WriteFile(secret, []byte(visitor.ClientSecret), 0o600); err != nil {
		return err
	}
	admitted, err := g.visit(ctx, visitor, pass)
	if err != nil {
		return err
	}
	refused, err := g.visit(ctx, visitor, fail)
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(strings.TrimPrefix(g.installation.AccessURL, "https://"),
		"http://"))
	g.show.Print(fmt.Sprintf(`
the gateway lets a service token through to http://%s:%s/ from devices that pass "%s":
  %s   its device %s has a score of %d
  %s   its device %s has a score of %d
ask as either device; its proxy says the address, %s or %s:
  curl http://%s:%s/ -H "X-Forwarded-For: %s" \
    -H "CF-Access-Client-Id: %s" -H "CF-Access-Client-Secret: $(cat %s)"

`, guardedHost, port, Checks[0].Name, admitted, pass.host, pass.score, refused, fail.host, fail.score, pass.address, fail.address,
		guardedHost, port, fail.address, visitor.ClientID, secret))
	<-ctx.Done()
	return nil
}

// device is a device of the sample list.
type device struct {
	host, address string
	score         int
}

// devices returns a device that passes the first check with a wide margin, one that fails it with a wide margin, and
// the check's id.
func (g *guarded) devices(ctx context.Context) (pass, fail device, check string, err error) {
	item, err := g.client.Checks.Find(ctx, Checks[0].Name)
	if err != nil {
		return pass, fail, "", err
	}
	check = item.Value.ID
	q := client.PostureQuery{Since: time.Now().Add(-recent), Checks: []string{check}}
	for line, err := range g.client.PostureLog(ctx, &q) {
		if err != nil {
			return pass, fail, "", err
		}
		score := line.Value.Received.Score
		into := &pass
		switch {
		case score == nil:
			continue
		case *score <= Checks[0].Score-20:
			into = &fail
		case *score < Checks[0].Score+20:
			continue
		}
		if into.address != "" {
			continue
		}
		if *into, err = g.device(ctx, line.Value.Device, *score); err != nil {
			return pass, fail, "", err
		}
		if pass.address != "" && fail.address != "" {
			return pass, fail, check, nil
		}
	}
	return pass, fail, "", errors.New("no device passes, or no device fails")
}

func (g *guarded) device(ctx context.Context, id string, score int) (device, error) {
	raw, err := g.client.Device(ctx, id)
	if err != nil {
		return device{}, err
	}
	var d struct {
		Hostname string `json:"hostname"`
		Address  string `json:"virtual_ipv4"`
	}
	err = json.Unmarshal(raw, &d)
	return device{d.Hostname, d.Address, score}, err
}

// serve runs the application. It does not check who may use it.
func serve(ctx context.Context) (origin string, err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintln(w, "Welcome: you may use this application, and your device is healthy.")
		})}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() { _ = server.Serve(l) }() // it returns when it is closed
	return "http://" + l.Addr().String(), nil
}

// setUp creates the service token and the application again, because the secret of an earlier run is not stored.
func (g *guarded) setUp(ctx context.Context, origin, check string) (client.ServiceToken, error) {
	if err := discard(ctx, g.client.Applications, guardedName); err != nil {
		return client.ServiceToken{}, err
	}
	if err := discard(ctx, g.client.ServiceTokens, visitorName); err != nil {
		return client.ServiceToken{}, err
	}
	token, err := g.client.ServiceTokens.Create(ctx, client.ServiceToken{Name: visitorName, Duration: "24h"})
	if err != nil {
		return client.ServiceToken{}, err
	}
	_, err = g.client.Applications.Create(ctx, client.Application{
		Name: guardedName, Type: "self_hosted", Domain: guardedHost, OriginURL: origin, SessionDuration: "1h",
		Policies: []client.Policy{{
			Name: "Demo: the visitor, from a healthy device", Decision: string(proto.DecisionNonIdentity), Precedence: 1,
			Include: []client.Rule{client.ServiceTokenRule(token.Value.ID)},
			Require: []client.Rule{{"device_posture": map[string]any{"integration_uid": check}}},
		}},
	})
	return token.Value, err
}

// visit requests the application as a device and describes the response in a few words. It tries again while the
// gateway does not know the new application.
func (g *guarded) visit(ctx context.Context, visitor client.ServiceToken, d device) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, settled)
	defer cancel()
	for {
		status, reason, err := g.ask(ctx, visitor, d)
		switch {
		case err != nil:
			return "", err
		case status == http.StatusOK:
			return "200 admitted               ", nil
		case reason == "posture_failed":
			return "403 refused: posture_failed", nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("the gateway answered %d (%s)", status, reason)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (g *guarded) ask(ctx context.Context, visitor client.ServiceToken,
	d device) (status int, reason string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, g.installation.AccessURL, nil)
	if err != nil {
		return 0, "", err
	}
	r.Host = guardedHost
	r.Header.Set("Accept", "application/json")
	r.Header.Set("X-Forwarded-For", d.address)
	r.Header.Set("CF-Access-Client-Id", visitor.ClientID)
	r.Header.Set("CF-Access-Client-Secret", visitor.ClientSecret)
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer a.Body.Close()
	var said struct {
		Reason string `json:"reason"`
	}
	_ = json.NewDecoder(io.LimitReader(a.Body, 64<<10)).Decode(&said) // other responses have no such body
	return a.StatusCode, said.Reason, nil
}
