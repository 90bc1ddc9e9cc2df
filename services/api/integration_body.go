package api

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/seal"
)

// integrationTypes are those of contract.md 5.2; only custom_s2s is polled.
var integrationTypes = []string{
	proto.TypeCustomS2S, "workspace_one", "crowdstrike_s2s", "uptycs", "intune", "kolide", "tanium_s2s", "sentinelone_s2s",
}

// keptConfig are the members of another type's config that are kept: none of them is a secret.
var keptConfig = []string{"api_url", "auth_url", "client_id", "customer_id", "access_client_id"}

// integrationChange is what a body says of an integration: nil where it is silent.
type integrationChange struct {
	name, kind, interval *string
	every                time.Duration
	url, client          *string
	secret               string // never stored, never logged
	sealed               []byte // what is stored of it
	config               json.RawMessage
	paused               *bool
	concurrency          *int
}

// readIntegration reads a body that creates an integration (old is nil) or is merged into one.
func (s *Service) readIntegration(body object, old *proto.Integration) (integrationChange, error) {
	var c integrationChange
	for name := range body {
		if old == nil || !isNull(body[name]) {
			continue
		}
		if slices.Contains([]string{"name", "type", "interval", "config"}, name) {
			return c, invalidIntegration("%s cannot be removed", name)
		}
	}
	var err error
	if c.name, err = given(body.line, body, "name"); err != nil {
		return c, invalidIntegration("name must be text of at most %d bytes without control characters", maxName)
	}
	if c.kind, err = given(body.text, body, "type"); err != nil {
		return c, invalidIntegration("type must be a string")
	}
	if c.interval, err = given(body.text, body, "interval"); err != nil {
		return c, invalidIntegration(`interval must be a string such as "10m"`)
	}
	config, err := body.inner("config")
	switch {
	case err != nil:
		return c, invalidIntegration("config must be an object")
	case old == nil && (c.name == nil || c.kind == nil || c.interval == nil || config == nil):
		return c, invalidIntegration("name, type, interval and config are required")
	case c.name != nil && *c.name == "":
		return c, invalidIntegration("name must not be empty")
	case c.kind != nil && !slices.Contains(integrationTypes, *c.kind):
		return c, invalidIntegration("type must be one of %s", strings.Join(integrationTypes, ", "))
	case old != nil && c.kind != nil && *c.kind != old.Type:
		return c, invalidIntegration("the type of an integration cannot be changed: make a new one")
	}
	if c.interval != nil {
		if c.every, err = parseInterval(*c.interval, s.cfg.MinInterval); err != nil {
			return c, err
		}
	}
	if err := c.readExtensions(body); err != nil {
		return c, err
	}
	if old != nil && old.Type != proto.TypeCustomS2S || old == nil && *c.kind != proto.TypeCustomS2S {
		return c, c.keepConfig(config, old)
	}
	return c, c.readConfig(config, old, s.cfg.PinSecretHost)
}

// given calls read for a member that is there.
func given(read func(string) (string, error), body object, name string) (*string, error) {
	if !body.has(name) {
		return nil, nil
	}
	v, err := read(name)
	return &v, err
}

func (c *integrationChange) readExtensions(body object) error {
	if _, there := body["x_paused"]; there {
		paused, _, err := body.boolean("x_paused")
		if err != nil {
			return invalidIntegration("x_paused must be true or false")
		}
		c.paused = &paused
	}
	if _, there := body["x_concurrency"]; there {
		n, _, err := body.integer("x_concurrency", 1, proto.MaxConcurrency)
		if err != nil {
			return invalidIntegration("x_concurrency must be a whole number from 1 to %d", proto.MaxConcurrency)
		}
		c.concurrency = &n
	}
	return nil
}

// Bounds of what is sent to the scoring API, in bytes.
const (
	maxURL        = 2048
	maxCredential = 4096
)

func (c *integrationChange) readConfig(config object, old *proto.Integration, pinned bool) error {
	var err error
	var secret *string
	if c.url, err = given(config.text, config, "api_url"); err != nil {
		return invalidIntegration("config.api_url must be a string")
	}
	if c.client, err = given(config.text, config, "access_client_id"); err != nil {
		return invalidIntegration("config.access_client_id must be a string")
	}
	if secret, err = given(config.text, config, "access_client_secret"); err != nil {
		return invalidIntegration("config.access_client_secret must be a string")
	}
	if old == nil && (c.url == nil || c.client == nil || secret == nil) {
		return invalidIntegration("config needs api_url, access_client_id and access_client_secret")
	}
	if c.url != nil {
		if err := checkURL(*c.url); err != nil {
			return invalidIntegration("config.api_url %v", err)
		}
	}
	if c.client != nil && !headerValue(*c.client) {
		return invalidIntegration("config.access_client_id must be 1 to 4096 visible ASCII characters, no blanks")
	}
	if secret != nil {
		if !headerValue(*secret) {
			return invalidIntegration("config.access_client_secret must be 1 to 4096 visible ASCII characters, no blanks")
		}
		c.secret = *secret
	}
	if pinned && old != nil && c.url != nil && c.secret == "" && !sameHost(*c.url, old.APIURL) {
		return invalidIntegration("the host of config.api_url changes: give config.access_client_secret again")
	}
	return nil
}

// checkURL completes the sentence "config.api_url ...".
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > maxURL || hasControl(text):
		return errors.New("is not a URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("must begin with https:// (or http:// for a private address)")
	case u.Hostname() == "":
		return errors.New("names no host")
	case u.User != nil:
		return errors.New("must not hold a user or password: they would be read back")
	case u.Fragment != "" || strings.Contains(text, "#"):
		return errors.New("must not have a fragment: it is never sent")
	}
	return nil
}

func headerValue(s string) bool {
	for _, b := range []byte(s) {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return s != "" && len(s) <= maxCredential
}

// sameHost compares scheme, host and port: whom the secret would go to.
func sameHost(a, b string) bool {
	ua, err1 := url.Parse(a)
	ub, err2 := url.Parse(b)
	return err1 == nil && err2 == nil && strings.EqualFold(ua.Scheme, ub.Scheme) && strings.EqualFold(ua.Host, ub.Host)
}

// keepConfig merges the config of a type that is only kept.
func (c *integrationChange) keepConfig(config object, old *proto.Integration) error {
	kept := object{}
	if old != nil {
		kept = stored(old.Config)
	}
	for _, name := range keptConfig {
		if _, there := config[name]; !there {
			continue
		}
		if v, err := config.text(name); err != nil {
			return invalidIntegration("config.%s must be a string", name)
		} else if v != "" {
			kept.set(name, v)
		} else {
			delete(kept, name)
		}
	}
	c.config = kept.sent()
	return nil
}

// seal seals the secret of the change, if it has one, for an integration.
func (c *integrationChange) seal(to []age.Recipient, id proto.ID) (err error) {
	if c.secret != "" {
		c.sealed, err = seal.Seal(to, id.String(), []byte(c.secret))
	}
	return err
}

// apply puts the change into an integration.
func (c *integrationChange) apply(i *proto.Integration) {
	assign(&i.Name, c.name)
	assign(&i.Type, c.kind)
	if c.interval != nil {
		i.IntervalText, i.Interval = *c.interval, c.every
	}
	assign(&i.APIURL, c.url)
	assign(&i.ClientID, c.client)
	assign(&i.Paused, c.paused)
	assign(&i.Concurrency, c.concurrency)
	if c.sealed != nil {
		i.SealedSecret = c.sealed
	}
	if c.config != nil {
		i.Config = c.config
	}
}

func assign[T any](to *T, v *T) {
	if v != nil {
		*to = *v
	}
}

// maxInterval is the longest interval; slots are counted in it.
const maxInterval = 8760 * time.Hour

// parseInterval reads a number with m or h (contract.md 5.2), or s where intervals below a minute are
// allowed.
func parseInterval(text string, least time.Duration) (time.Duration, error) {
	units := map[string]time.Duration{"m": time.Minute, "h": time.Hour}
	form := `a number with m or h, such as "10m"`
	if least < time.Minute {
		units["s"] = time.Second
		form = `a number with s, m or h, such as "10m"`
	}
	digits := strings.TrimRight(text, "smh")
	n, err := strconv.ParseUint(digits, 10, 31)
	unit, known := units[text[len(digits):]]
	if err != nil || !known || strings.HasPrefix(text, "+") {
		return 0, invalidIntegration("interval must be %s", form)
	}
	if n > uint64(maxInterval/unit) {
		return 0, invalidIntegration("interval must be at most %gh", maxInterval.Hours())
	}
	d := time.Duration(n) * unit
	if d < least {
		return 0, invalidIntegration("interval must be at least %s", shortDuration(least))
	}
	return d, nil
}

// shortDuration writes 1m where Duration.String writes 1m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if rest, ok := strings.CutSuffix(s, "m0s"); ok {
		s = rest + "m"
	}
	if rest, ok := strings.CutSuffix(s, "h0m"); ok {
		s = rest + "h"
	}
	return s
}
