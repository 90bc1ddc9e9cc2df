package process

import (
	"cmp"
	"context"
	"fmt"

	"plumbline.dev/bus/creds"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/stack"
)

// Stack is the command plumb stack.
type Stack struct {
	Init      stackInit      `cmd:"" help:"Create the files that the services and the NATS servers start with."`
	Provision stackProvision `cmd:"" help:"Create or update the streams, buckets and consumers."`
	Demo      stackDemo      `cmd:"" help:"Create the demo's devices, service token, application, integration and checks."`
}

type stackInit struct {
	Dir       string        `required:"" type:"path" help:"Directory for the files. Existing files are kept." placeholder:"DIR"`
	AccountID proto.Account `help:"Account id. Default: a new one." placeholder:"ID"`
	UID       int           `name:"uid" default:"-1" help:"Owner of the files. -1: the current user."`
	GID       int           `name:"gid" default:"-1" help:"Group of the files. -1: the current group."`
	Cluster   bool          `help:"Prepare for several NATS servers. A store of a single server is rejected."`
}

func (c *stackInit) Run(t *cli.Terminal) error {
	f := stack.Files{Dir: c.Dir, Account: c.AccountID, UID: c.UID, GID: c.GID, Cluster: c.Cluster}
	if err := f.Init(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(t.Out, "%s is complete\n", c.Dir)
	return err
}

type stackProvision struct {
	cli.NATS
	cli.Log
	Replicas   int `default:"1" help:"Replicas of every stream, 1 to 5, each on its own NATS server."`
	storeFlags `set:"log_default=20000000000"`
}

// logMaxBytes is the default of --log-max-bytes, since the disks of the NATS servers are not known here.
const logMaxBytes = 20_000_000_000

func (c *stackProvision) Run(ctx context.Context) error {
	if c.Replicas < 1 || c.Replicas > 5 || c.LogMaxBytes < 0 {
		return cli.Usage("--replicas must be 1 to 5, and --log-max-bytes must not be negative")
	}
	options := topology.Options{Replicas: c.Replicas, LogMaxBytes: cmp.Or(c.LogMaxBytes, logMaxBytes)}
	servers := stack.Servers{URL: c.NATSURL, Creds: c.NATSCreds, Ping: c.NATSPing, Options: options,
		AcceptLoss: c.AcceptLoss}
	return servers.Provision(ctx, c.Logger())
}

type stackDemo struct {
	remote.Flags
	SampleURL   string `default:"http://127.0.0.1:8402" help:"URL of the sample scoring API, as the fetchers reach it." placeholder:"URL"`
	AudienceOut string `type:"path" required:"" help:"File for the AUD of the application, which the sample API reads." placeholder:"PATH"`
	demoInterval
}

// audience writes the AUD to its file. The AUD is not a secret, and the sample API may run as another user.
func (c *stackDemo) audience(aud string) error {
	return creds.WriteSecret(c.AudienceOut, []byte(aud+"\n"))
}
