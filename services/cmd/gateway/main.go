// Command gateway protects applications: it decides on each request and forwards the allowed ones.
package main

import (
	"os"

	"plumbline.dev/bus/topology"
	"plumbline.dev/services/gateway"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/flags"
	"plumbline.dev/services/internal/flags/gatewayflags"
)

func main() {
	var args struct {
		cli.Common
		cli.Trust
		gatewayflags.Flags
		flags.EgressDeny
		flags.TeamDomain
		flags.AccessAddr
		SessionKey     string `required:"" help:"Cookie key, 64 hex characters, shared by all gateways; prefer PLUMB_SESSION_KEY_FILE." placeholder:"HEX"`
		flags.Identity `set:"sealed=identity providers' secrets"`
	}
	cli.MemoryForTime()
	const about = "Protects applications with service tokens, logins and device posture."
	os.Exit(cli.Service(topology.Gateway, about, &args, func(h cli.Host) (cli.Part, error) {
		key, identities, err := gateway.ParseKeys(args.SessionKey, args.Identity.Identity)
		if err != nil {
			return nil, err
		}
		cfg := args.Flags.Config()
		cfg.AccessAddr, cfg.TeamDomain, cfg.SessionKey = args.AccessAddr.AccessAddr, args.TeamDomain.TeamDomain, key
		cfg.EgressDeny, cfg.Own, cfg.RootCAs = args.EgressDeny.EgressDeny, args.OwnAddrs(), args.Roots()
		return gateway.New(cfg,
			gateway.Deps{Bus: h.Bus, Log: h.Log, Metrics: h.Metrics, Clock: h.Clock, Identities: identities})
	}))
}
