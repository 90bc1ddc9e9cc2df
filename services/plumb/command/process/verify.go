package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto/entrysign"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/verify"
)

// Verify is the command plumb verify.
type Verify struct {
	authorityDir
	NATSURL   string         `name:"nats-url" default:"nats://127.0.0.1:4222" help:"NATS servers, separated by commas." placeholder:"URL"`
	NATSCreds string         `name:"nats-creds" type:"path" help:"NATS credentials file of the operator. Default: new ones, made with the keys under --data." placeholder:"PATH"`
	URL       string         `name:"url" default:"http://127.0.0.1:8400" help:"URL of the control plane, which serves the public keys." placeholder:"URL"`
	Keys      string         `type:"path" help:"File with the public keys, as saved before from /client/v4/plumbline/entry-keys. A person who controls the bus can present other keys to the control plane." placeholder:"PATH"`
	From      render.Instant `env:"-" help:"Start: an age, such as 24h or 7d, or a time. Default: 24h." placeholder:"WHEN"`

	AllowUnsigned bool `env:"-" help:"Accept entries without signatures, written before entries were signed."`
	render.Output
}

// verified is the result in the formats json and yaml.
type verified struct {
	From     time.Time      `json:"from"`
	First    uint64         `json:"first_sequence"`
	Last     uint64         `json:"last_sequence"`
	Pages    int            `json:"pages"`
	Quiet    int            `json:"quiet_pages"`
	Verified int            `json:"verified"`
	Unsigned int            `json:"unsigned"`
	Failed   int            `json:"failed"`
	Gaps     int            `json:"gaps"`
	OK       bool           `json:"ok"`
	Problems []entryProblem `json:"problems"` // the first ones
}

// entryProblem is an entry that is not verified.
type entryProblem struct {
	Sequence uint64    `json:"sequence"`
	At       time.Time `json:"at,omitzero"`
	Subject  string    `json:"subject"`
	Problem  string    `json:"problem"`
}

// maxProblems bounds the problems in the result; all are counted.
const maxProblems = 100

// defaultVerified is how far back the log is verified without --from.
const defaultVerified = 24 * time.Hour

// Run verifies the log.
func (c *Verify) Run(ctx context.Context, t *cli.Terminal) error {
	cfg := bus.Config{URL: c.NATSURL, Creds: c.NATSCreds, Role: topology.Operator}
	if c.NATSCreds == "" {
		authority, err := c.open()
		if err == nil {
			cfg.CredsContent, err = authority.File(topology.Operator)
		}
		if err != nil {
			return err
		}
	}
	connecting, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := bus.Connect(connecting, cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	from := c.From.Time
	if from.IsZero() {
		from = time.Now().Add(-defaultVerified)
	}
	v := verified{From: from.UTC().Truncate(time.Second), Problems: []entryProblem{}}
	report, err := verify.Log(ctx, conn, c.keys, from, func(p verify.Problem) {
		if len(v.Problems) < maxProblems {
			v.Problems = append(v.Problems, entryProblem{p.Seq, p.At, p.Subject, p.Err.Error()})
		}
	})
	if err != nil {
		return err
	}
	v.First, v.Last, v.Pages, v.Quiet = report.First, report.Last, report.Pages, report.Quiet
	v.Verified, v.Unsigned, v.Failed, v.Gaps = report.Verified, report.Unsigned, report.Failed, report.Gaps
	v.OK = report.OK(c.AllowUnsigned)
	if err := c.Show(t, v, func(tab *render.Table) { v.rows(tab) }); err != nil {
		return err
	}
	switch {
	case v.OK:
		return nil
	case v.Failed+v.Gaps > 0:
		return errors.New("the log is not as the evaluators wrote it")
	case v.Unsigned > 0:
		return errors.New("entries have no signature: if all of them were written before entries were signed, " +
			"repeat the command with --allow-unsigned")
	}
	return errors.New("there are no entries to verify")
}

func (v *verified) rows(tab *render.Table) {
	tab.Row("from", render.Moment(&v.From))
	tab.Row("verified", v.Verified)
	tab.Row("unsigned", v.Unsigned)
	tab.Row("failed", v.Failed)
	tab.Row("gaps", v.Gaps)
	tab.Row("pages", fmt.Sprintf("%d with entries since, %d with an older newest entry", v.Pages, v.Quiet))
	for _, p := range v.Problems {
		tab.Row("entry", fmt.Sprintf("%d of %s: %s", p.Sequence, p.Subject, p.Problem))
	}
	if more := v.Failed + v.Gaps - len(v.Problems); more > 0 {
		tab.Row("entry", fmt.Sprintf("and %d more", more))
	}
}

// maxKeySet bounds the document of public keys, in bytes.
const maxKeySet = 4 << 20

// keys reads the public keys from the file, or from the control plane.
func (c *Verify) keys(ctx context.Context, refresh bool) (entrysign.Keys, error) {
	if c.Keys != "" {
		data, err := os.ReadFile(c.Keys)
		if err != nil {
			return nil, err
		}
		return entrysign.ParseKeys(data)
	}
	if refresh { // the control plane serves a document for a second
		select {
		case <-time.After(1500 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	url := strings.TrimSuffix(c.URL, "/") + "/client/v4/plumbline/entry-keys"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, cli.Usage("--url: %v", err)
	}
	resp, err := (&http.Client{Transport: remote.Transport()}).Do(req)
	if err != nil {
		return nil, fmt.Errorf("public keys of entries: %w", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet))
	if err != nil {
		return nil, fmt.Errorf("public keys of entries: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("public keys of entries: %s answered %s", url, resp.Status)
	}
	return entrysign.ParseKeys(data)
}
