package api

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"filippo.io/age"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitoken"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/api/zone"
)

// Config configures the service.
type Config struct {
	// Addr is the address to listen on, host:port; default 127.0.0.1:8400.
	Addr string
	// Account is the account of the bootstrap token.
	Account proto.Account
	// BootstrapToken is an API token that is valid from the first start, or empty: 40 to 80 characters of 0-9 A-Z a-z -
	// _. Only its hash is stored. A revoked token stays revoked.
	BootstrapToken string
	// BootstrapEmail is the e-mail address with which the bootstrap token works as an API key, or empty. Clients that
	// support only API keys send it as X-Auth-Email, with the token as X-Auth-Key.
	BootstrapEmail string
	// SealTo are the fetchers' recipients, to which the secrets of integrations are sealed.
	SealTo []age.Recipient
	// SealGateway are the gateways' recipients, to which the secrets of identity providers are sealed. Without a
	// recipient, a provider with a secret is rejected.
	SealGateway []age.Recipient
	// SealDispatcher are the dispatchers' recipients, to which the URLs, secrets and headers of destinations are sealed.
	// Without a recipient, no destination can be stored.
	SealDispatcher []age.Recipient
	// TeamDomain is the team domain's URL. Its host is the default auth_domain of an organisation.
	TeamDomain string
	// ConsoleAudiences are the AUDs of the applications whose application tokens authenticate people: those of the
	// console. Without one, people cannot use the API.
	ConsoleAudiences []string
	// Zones are the configured zones. If there are any, only they and zones created through the API are served.
	Zones []zone.Configured
	// MinInterval is the shortest interval of an integration; default 1m. If it is below a minute, intervals may be in
	// seconds.
	MinInterval time.Duration
	// FreeSecretHost keeps the secret of an integration or an identity provider when the host of a URL changes. By
	// default the secret must be entered again: a client that may change the URL could otherwise receive the secret
	// there.
	FreeSecretHost bool
	// MaxBody bounds a request body in bytes, except for imports; default 1 MiB.
	MaxBody int64
	// ProbeTimeout bounds the test call of "Test and save"; default 30 s.
	ProbeTimeout time.Duration
	// Streams bounds how many clients may follow results at once; default 256.
	Streams int

	answerTimeout time.Duration // for the registry to answer during an import; other values only in tests
	clientTimeout time.Duration // for a client to read an ordinary response; other values only in tests
}

// Defaults of [Config].
const (
	DefaultAddr         = "127.0.0.1:8400"
	DefaultMinInterval  = time.Minute
	DefaultMaxBody      = 1 << 20
	DefaultProbeTimeout = 30 * time.Second
)

const (
	defaultAnswerTimeout = 30 * time.Second
	defaultClientTimeout = 2 * time.Minute
)

func (c Config) withDefaults() (Config, error) {
	c.Addr = cmp.Or(c.Addr, DefaultAddr)
	c.MinInterval = cmp.Or(c.MinInterval, DefaultMinInterval)
	c.MaxBody = cmp.Or(c.MaxBody, DefaultMaxBody)
	c.ProbeTimeout = cmp.Or(c.ProbeTimeout, DefaultProbeTimeout)
	c.answerTimeout = cmp.Or(c.answerTimeout, defaultAnswerTimeout)
	c.clientTimeout = cmp.Or(c.clientTimeout, defaultClientTimeout)
	c.Streams = cmp.Or(c.Streams, 256)
	for n, z := range c.Zones {
		hosts, err := zone.Suffixes(z.Hosts)
		switch {
		case err != nil:
			return c, fmt.Errorf("zone %s (--zone): %w", z.ID, err)
		case z.ID.IsZero() || len(hosts) == 0:
			return c, errors.New("a zone (--zone) needs an id and host suffixes: ID=HOST,HOST")
		}
		c.Zones[n].Hosts = hosts
	}
	switch {
	case c.MinInterval < time.Second:
		return c, fmt.Errorf("the shortest interval (--min-interval) is %v: it must be at least 1s", c.MinInterval)
	case c.MaxBody < 1024 || c.Streams < 1:
		return c, errors.New("the body limit must be at least 1024 bytes and the stream limit at least 1")
	case len(c.SealTo) == 0:
		return c, errors.New("no recipient to seal secrets to: set the fetchers' with --seal-to")
	case c.BootstrapToken != "" && !apitoken.Form.MatchString(c.BootstrapToken):
		return c, errors.New("the bootstrap token (--bootstrap-token) must be 40 to 80 characters of 0-9, A-Z, a-z, - and _")
	case c.BootstrapToken != "" && c.Account.IsZero():
		return c, errors.New("a bootstrap token needs an account: --account-id")
	case c.BootstrapEmail != "" && !v4.IsEmail(c.BootstrapEmail):
		return c, errors.New("the address of the bootstrap token (--bootstrap-email) is not an e-mail address")
	}
	return c, nil
}
