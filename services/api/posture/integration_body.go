package posture

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/seal"
)

// integrationTypes are the types of api/README.md 5.2. Only custom_s2s is polled.
var integrationTypes = []string{
	proto.TypeCustomS2S, "workspace_one", "crowdstrike_s2s", "uptycs", "intune", "kolide", "tanium_s2s", "sentinelone_s2s",
}

// keptConfig are the members of other types' config that are stored. None of them is a secret.
var keptConfig = []string{"api_url", "auth_url", "client_id", "customer_id", "access_client_id"}

// integrationChange holds the changes in a request body; nil members do not change.
type integrationChange struct {
	name, kind, interval *string
	every                time.Duration
	url, client          *string
	secret               string // never stored or logged
	sealed               []byte // sealed secret, which is stored
	config               json.RawMessage
	paused               *bool
	concurrency          *int
}

// readIntegration reads a body that creates an integration (old is nil) or is merged into old.
func (s *API) readIntegration(body v4.Object, old *proto.Integration) (integrationChange, error) {
	var c integrationChange
	for name := range body {
		if old == nil || !v4.IsNull(body[name]) {
			continue
		}
		if slices.Contains([]string{"name", "type", "interval", "config"}, name) {
			return c, invalidIntegration("%s cannot be removed", name)
		}
	}
	var err error
	if c.name, err = given(body.Line, body, "name"); err != nil {
		return c, invalidIntegration("name must be text of at most %d bytes without control characters", v4.MaxName)
	}
	if c.kind, err = given(body.Text, body, "type"); err != nil {
		return c, invalidIntegration("type must be a string")
	}
	if c.interval, err = given(body.Text, body, "interval"); err != nil {
		return c, invalidIntegration(`interval must be a string such as "10m"`)
	}
	config, err := body.Member("config")
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
		return c, invalidIntegration("the type of an integration cannot be changed: create a new integration")
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
	return c, c.readConfig(config, old, !s.cfg.FreeSecretHost)
}

// given calls read if the body has the member; otherwise it returns nil.
func given(read func(string) (string, error), body v4.Object, name string) (*string, error) {
	if !body.Has(name) {
		return nil, nil
	}
	v, err := read(name)
	return &v, err
}

func (c *integrationChange) readExtensions(body v4.Object) error {
	if _, there := body["x_paused"]; there {
		paused, _, err := body.Bool("x_paused")
		if err != nil {
			return invalidIntegration("x_paused must be true or false")
		}
		c.paused = &paused
	}
	if _, there := body["x_concurrency"]; there {
		n, _, err := body.Int("x_concurrency", 1, proto.MaxConcurrency)
		if err != nil {
			return invalidIntegration("x_concurrency must be a whole number from 1 to %d", proto.MaxConcurrency)
		}
		c.concurrency = &n
	}
	return nil
}

// seal seals the secret of the change, if there is one, for an integration.
func (c *integrationChange) seal(to []age.Recipient, id proto.ID) (err error) {
	if c.secret != "" {
		c.sealed, err = seal.Seal(to, id.String(), []byte(c.secret))
	}
	return err
}

// apply applies the change to an integration.
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

func invalidIntegration(format string, args ...any) *v4.Error {
	return v4.Errorf(http.StatusBadRequest, v4.CodeIntegration, "invalid posture integration request: "+format, args...)
}
