package command

import (
	"context"
	"fmt"

	"plumbline.dev/bus/creds"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/stack"
)

type stackCmd struct {
	Init      stackInit      `cmd:"" help:"Make the files that the services and the NATS servers are started with."`
	Provision stackProvision `cmd:"" help:"Make the streams, buckets and consumers, or bring them up to date."`
	Demo      stackDemo      `cmd:"" help:"Set up the demo's devices, token, application, integration and checks."`
}

type stackInit struct {
	Dir       string        `required:"" type:"path" help:"Directory of the files. What is there already stays." placeholder:"DIR"`
	AccountID proto.Account `help:"Account id; without it, one is made and kept." placeholder:"ID"`
	UID       int           `name:"uid" default:"-1" help:"User that is given the files; -1: who runs this."`
	GID       int           `name:"gid" default:"-1" help:"Group that is given the files; -1: who runs this."`
	Cluster   bool          `help:"There are several NATS servers. The store of a single one is rejected."`
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
	Replicas    int   `default:"1" help:"Copies of every stream, over as many NATS servers."`
	LogMaxBytes int64 `default:"20000000000" help:"Bound of the posture log, in bytes."`
}

func (c *stackProvision) Run(ctx context.Context) error {
	if c.Replicas < 1 || c.Replicas > 5 || c.LogMaxBytes < 1 {
		return cli.Usage("--replicas is from 1 to 5, and --log-max-bytes at least 1")
	}
	return stack.Servers{URL: c.NATSURL, Creds: c.NATSCreds, Ping: c.NATSPing,
		Options: topology.Options{Replicas: c.Replicas, LogMaxBytes: c.LogMaxBytes}}.Provision(ctx, c.Logger())
}

type stackDemo struct {
	remote
	SampleURL   string `default:"http://127.0.0.1:8402" help:"Sample scoring API, as the fetchers reach it." placeholder:"URL"`
	AudienceOut string `type:"path" required:"" help:"File that the application's AUD is written to, for the sample API." placeholder:"PATH"`
	Interval    string `default:"5s" help:"How often it is polled."`
}

// audience writes the AUD to its file. It is no secret; the sample API may run as another user.
func (c *stackDemo) audience(aud string) error {
	return creds.WriteSecret(c.AudienceOut, []byte(aud+"\n"))
}
