// Command api serves the control plane.
package main

import (
	"os"
	"time"

	"filippo.io/age"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/seal"
)

func main() {
	var flags struct {
		cli.Common
		APIAddr        string        `default:"127.0.0.1:8400" help:"Where the control plane listens."`
		AccountID      proto.Account `help:"Account that the bootstrap token is for." placeholder:"ID"`
		BootstrapToken string        `help:"API token that works from the first start on; give it by PLUMB_BOOTSTRAP_TOKEN_FILE." placeholder:"TOKEN"`
		BootstrapEmail string        `help:"Address beside which the bootstrap token works as an API key (X-Auth-Key, X-Auth-Email)." placeholder:"EMAIL"`
		SealTo         string        `required:"" help:"age recipients of the fetchers, which integrations' secrets are sealed to." placeholder:"age1..."`
		SealGateway    string        `help:"age recipients of the gateways, which identity providers' secrets are sealed to; without them, providers have none." placeholder:"age1..."`
		TeamDomain     string        `default:"http://127.0.0.1:8401" help:"Where people log in, as the organisation shows it."`
		MinInterval    time.Duration `default:"1m" help:"Shortest interval that an integration may have."`
		PinSecretHost  bool          `default:"true" negatable:"" help:"Demand the secret of an integration or identity provider again when the host of one of its URLs changes."`
		Zone           []api.Zone    `sep:";" help:"Zone and the host suffixes that its applications lie within. Others are made with the API." placeholder:"ID=HOST,HOST"`
	}
	os.Exit(cli.Service(topology.API, "Serves the control plane, the Cloudflare v4 API.", &flags, func(h cli.Host) (cli.Part, error) {
		recipients, err := seal.ParseRecipients(flags.SealTo)
		var gateways []age.Recipient
		if err == nil && flags.SealGateway != "" {
			gateways, err = seal.ParseRecipients(flags.SealGateway)
		}
		if err != nil {
			return nil, err
		}
		return api.New(api.Config{Addr: flags.APIAddr, Account: flags.AccountID, BootstrapToken: flags.BootstrapToken,
			BootstrapEmail: flags.BootstrapEmail, TeamDomain: flags.TeamDomain, SealTo: recipients, SealGateway: gateways, MinInterval: flags.MinInterval,
			FreeSecretHost: !flags.PinSecretHost, Zones: flags.Zone}, api.Deps{Bus: h.Bus, Log: h.Log, Metrics: h.Metrics, Clock: h.Clock})
	}))
}
