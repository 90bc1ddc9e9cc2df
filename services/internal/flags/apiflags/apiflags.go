// Package apiflags holds the flags of the control plane, for its own binary and for plumb up.
package apiflags

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/zone"
	"plumbline.dev/services/internal/flags"
)

// Flags are the flags of the control plane. The variables min_interval, account_default and token_default complete
// their help.
type Flags struct {
	APIAddr        string            `default:"127.0.0.1:8400" help:"Listen address of the control plane."`
	AccountID      proto.Account     `help:"Account id, 32 hex characters. Default: ${account_default}." placeholder:"ID"`
	BootstrapToken string            `help:"First API token; prefer PLUMB_BOOTSTRAP_TOKEN_FILE. Default: ${token_default}." placeholder:"TOKEN"`
	BootstrapEmail string            `help:"E-mail address that makes the first API token an API key too (X-Auth-Key, X-Auth-Email)." placeholder:"EMAIL"`
	PinSecretHost  bool              `default:"true" negatable:"" help:"Require the secret again when the host of an integration's or identity provider's URL changes."`
	ConsoleAUD     []string          `help:"AUD of the console's application. Its application tokens authenticate members. May be repeated." placeholder:"AUD"`
	Zone           []zone.Configured `sep:";" help:"Zone and the host suffixes of its applications. More zones can be created with the API." placeholder:"ID=HOST,HOST"`
	flags.MinInterval
}

// Config returns the control plane's configuration from the flags.
func (f *Flags) Config() api.Config {
	return api.Config{Addr: f.APIAddr, Account: f.AccountID, BootstrapToken: f.BootstrapToken,
		BootstrapEmail: f.BootstrapEmail, MinInterval: f.MinInterval.MinInterval, FreeSecretHost: !f.PinSecretHost,
		Zones: f.Zone, ConsoleAudiences: f.ConsoleAUD}
}
