package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"plumbline.dev/bus/creds"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/command/render"
)

// Followers is the command plumb follower.
type Followers struct {
	Create followerCreate `cmd:"" help:"Create a follower and write its NATS credentials. No restart is needed."`
	List   followerList   `cmd:"" help:"List followers, revoked ones included."`
	Revoke followerRevoke `cmd:"" help:"Revoke a follower's credentials and disconnect it."`
}

// authorityDir is the flag for the directory with the keys that sign NATS credentials.
type authorityDir struct {
	Data string `default:"./plumb-data" type:"path" help:"Data directory of plumb up, or directory of plumb stack init." placeholder:"DIR"`
}

func (a *authorityDir) open() (*creds.Authority, error) {
	for _, name := range []string{"nats", "authority"} {
		dir := filepath.Join(a.Data, name)
		switch _, err := os.Stat(filepath.Join(dir, "authority.json")); {
		case err == nil:
			return creds.Open(dir)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	return nil, cli.Usage("--data: %s is neither a data directory of plumb up nor a directory of plumb stack init", a.Data)
}

type followerCreate struct {
	authorityDir
	Name string `arg:"" help:"Name of the follower. The name of its NATS consumer is shown: follow_NAME_ and a secret."`
	Out  string `help:"File to write the credentials to, with mode 0600; - is standard output. Default: NAME.creds." placeholder:"PATH"`
}

func (c *followerCreate) Run(t *cli.Terminal) error {
	authority, err := c.open()
	if err != nil {
		return err
	}
	out := c.Out
	if out == "" {
		out = c.Name + ".creds"
	}
	if out != "-" {
		if _, err := os.Lstat(out); err == nil {
			return fmt.Errorf("%s exists: remove it, or name another file with --out", out)
		}
	}
	file, err := authority.Follower(c.Name)
	if err != nil {
		return err
	}
	if out == "-" {
		_, err = t.Out.Write(file)
	} else {
		err = creds.WriteSecret(out, file)
	}
	if err != nil { // the credentials are lost
		return errors.Join(err, authority.Revoke(c.Name))
	}
	if out == "-" {
		_, err = fmt.Fprintf(t.Err, "consumer: %s\n", authority.FollowerConsumer(c.Name))
		return err
	}
	_, err = fmt.Fprintf(t.Out, "credentials of follower %s are in %s\nconsumer: %s\n", c.Name, out,
		authority.FollowerConsumer(c.Name))
	return err
}

type followerList struct {
	authorityDir
}

func (c *followerList) Run(t *cli.Terminal) error {
	authority, err := c.open()
	if err != nil {
		return err
	}
	all, err := authority.Followers()
	if err != nil {
		return err
	}
	tab := render.NewTable(t)
	tab.Row("NAME", "CREATED", "REVOKED", "CONSUMER")
	for _, f := range all {
		revoked, consumer := "-", consumerOf(f)
		if !f.Active() {
			revoked, consumer = f.Revoked.Format(time.RFC3339), "-"
		}
		tab.Row(f.Name, f.Created.Format(time.RFC3339), revoked, consumer)
	}
	return tab.Flush()
}

// consumerOf describes the consumer storing the position of an active follower.
func consumerOf(f creds.Follower) string {
	if f.Consumer != "" {
		return f.Consumer
	}
	return topology.FollowPrefix + f.Name + " (guessable: revoke the follower and create it again)"
}

type followerRevoke struct {
	authorityDir
	Name    string `arg:"" help:"Name of the follower."`
	NATSURL string `name:"nats-url" default:"nats://127.0.0.1:4222" help:"NATS servers to notify, separated by commas." placeholder:"URL"`
}

func (c *followerRevoke) Run(ctx context.Context, t *cli.Terminal) error {
	authority, err := c.open()
	if err != nil {
		return err
	}
	// If a previous revocation did not reach the servers, only they are notified.
	if err := authority.Revoke(c.Name); err != nil &&
		(!errors.Is(err, creds.ErrNoFollower) || !listed(authority, c.Name)) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	n, err := authority.Push(ctx, c.NATSURL)
	if err != nil {
		return fmt.Errorf("follower %s stays connected until the NATS servers restart: "+
			"they could not be notified, run the command again with --nats-url: %w", c.Name, err)
	}
	if err := authority.StopDeliveries(ctx, c.NATSURL, c.Name); err != nil {
		return fmt.Errorf("follower %s is revoked and disconnected; run the command again to remove what it left: %w",
			c.Name, err)
	}
	_, err = fmt.Fprintf(t.Out, "follower %s is revoked; %d NATS server(s) notified\n", c.Name, n)
	return err
}

func listed(a *creds.Authority, name string) bool {
	all, err := a.Followers()
	if err != nil {
		return false
	}
	for _, f := range all {
		if f.Name == name {
			return true
		}
	}
	return false
}
