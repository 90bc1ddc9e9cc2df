// Package flags holds the flags shared by several binaries, so their names, defaults and help agree. Each struct is
// embedded in the flags of a binary. The variables in its defaults and help are set by the tag set.
package flags

import (
	"net/netip"
	"time"
)

// TeamDomain is the flag for the URL of the gateway, for a separate service.
type TeamDomain struct {
	TeamDomain string `default:"http://127.0.0.1:8401" help:"URL of the gateway for logins, and issuer of application tokens."`
}

// LocalTeamDomain is the flag for the URL of the gateway, for a process with its own gateway.
type LocalTeamDomain struct {
	TeamDomain string `help:"URL of the gateway for logins, and issuer of application tokens. Default: that of --access-addr." placeholder:"URL"`
}

// AccessAddr is the flag for the address of the gateway.
type AccessAddr struct {
	AccessAddr string `default:"127.0.0.1:8401" help:"Listen address of the gateway: applications, logins, public keys."`
}

// Identity is the flag for the private keys that open a service's secrets. The variable sealed completes its help.
type Identity struct {
	Identity string `required:"" help:"age identities for ${sealed}; prefer PLUMB_IDENTITY_FILE." placeholder:"AGE-SECRET-KEY-1..."`
}

// MinInterval is the flag for the shortest polling interval. Its default is the variable min_interval.
type MinInterval struct {
	MinInterval time.Duration `default:"${min_interval}" help:"Shortest interval of an integration; the same for api and scheduler."`
}

// EgressDeny is the flag for networks never called.
type EgressDeny struct {
	EgressDeny []netip.Prefix `help:"Networks never called, besides link-local and metadata addresses." placeholder:"CIDR"`
}

// SampleAddr is the flag for the address of the sample scoring API.
type SampleAddr struct {
	SampleAddr string `default:"127.0.0.1:8402" help:"Listen address of the sample scoring API."`
}
