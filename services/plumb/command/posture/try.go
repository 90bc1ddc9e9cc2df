package posture

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// checkTry is the command to try a check without saving it.
type checkTry struct {
	remote.Flags
	Format string `name:"output" short:"o" enum:"table,json,ndjson" default:"table" help:"Output format: ${enum}. ndjson has one line for each step as it comes."`

	Check       string `arg:"" optional:"" help:"Id or name of the check to change. Without one, the flags or the file are a new check."`
	File        string `short:"f" env:"-" type:"path" help:"File with the members to change, or with a new check: as plumb check show -o yaml shows it, or a document of plumb apply. - reads standard input." placeholder:"PATH"`
	Integration string `env:"-" help:"Integration that supplies the scores, by id or name."`
	Since       string `env:"-" help:"Evaluate the posture log from then on: an age, such as 30d, or a time (RFC 3339). Default: the newest scores." placeholder:"WHEN"`
	Step        string `env:"-" help:"Time between two evaluations of a device, with --since. Default: 6h." placeholder:"DURATION"`
	Limit       int    `default:"100" env:"-" help:"Number of devices to list, 0 to 1000."`
	checkChanges
}

// Help returns the text that --help shows below the summary.
func (checkTry) Help() string {
	return "Shows how many devices would pass and fail, and lists those with a different outcome than today. " +
		"Nothing is saved. The flags of plumb check edit change the check. With --since, the check is evaluated " +
		"against the posture log, as if it had applied from then on: FLIPS are devices with another outcome than " +
		"was stored then, CHANGED are those with another one than in the step before."
}

// Run tries the check and shows the result.
func (c *checkTry) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	q, err := c.request(ctx, t, cl)
	if err != nil {
		return err
	}
	if c.Since != "" {
		return c.log(ctx, t, cl, q)
	}
	trial, err := cl.Try(ctx, q)
	if err != nil {
		return err
	}
	if c.Format == "ndjson" {
		out := render.NewLines(t, &render.Output{Format: c.Format})
		return cmp.Or(out.Line(trial.Raw), out.Flush())
	}
	o := render.Output{Format: c.Format}
	err = o.Show(t, trial, func(tab *render.Table) { tallyRows(tab, &trial.Value.Tally) })
	if err != nil || c.Format != "table" {
		return err
	}
	return flipping(t, &trial.Value)
}

// request returns the request of the flags.
func (c *checkTry) request(ctx context.Context, t *cli.Terminal, cl *client.Client) (client.TrialRequest, error) {
	q := client.TrialRequest{Limit: c.Limit, Since: c.Since, Step: c.Step}
	body := map[string]any{"type": proto.TypeCustomS2S}
	if c.Check != "" {
		item, err := cl.Checks.Current(ctx, c.Check)
		if err != nil {
			return q, err
		}
		q.RuleID, body = item.Value.ID, map[string]any{}
		var whole client.Object
		if err := json.Unmarshal(item.Raw, &whole); err != nil {
			return q, err
		}
		// The breaker's settings are one member: those that are not changed are sent along.
		if b, ok := whole["x_breaker"]; ok && b != nil {
			body["x_breaker"] = b
		}
	}
	if c.File != "" {
		rule, err := readFile(t, c.File, client.KindCheck)
		if err != nil {
			return q, err
		}
		for name, v := range rule {
			body[name] = v
		}
	}
	if c.Integration != "" {
		resource.Member(body, "input")["connection_id"] = c.Integration
	}
	if _, err := c.change(body); err != nil {
		return q, err
	}
	if c.Check == "" && body["input"] == nil {
		return q, cli.Usage("name a check to change, or describe a new one: " +
			"give --file, or --integration, --operator and --score")
	}
	q.Rule = body
	return q, nameIntegration(ctx, cl, body)
}

// nameIntegration replaces the name of an integration by its id.
func nameIntegration(ctx context.Context, cl *client.Client, body map[string]any) error {
	input, _ := body["input"].(map[string]any)
	name, _ := input["connection_id"].(string)
	if _, err := proto.ParseID(name); name == "" || err == nil {
		return nil
	}
	id, err := resource.ID(ctx, cl.Integrations, name)
	if err == nil {
		input["connection_id"] = id
	}
	return err
}

func tallyRows(tab *render.Table, t *client.Tally) {
	tab.Row("devices", t.Devices)
	for _, r := range t.Reasons {
		tab.Row(r.Outcome+", "+r.Reason, r.Devices)
	}
	tab.Row("would flip", flips(t))
}

// flips returns the number of flips and their directions, such as "3 (2 to fail, 1 to pass)".
func flips(t *client.Tally) string {
	text, open := strconv.Itoa(t.Flips), " ("
	for _, d := range []struct {
		n  int
		to string
	}{{t.FlipsToFail, "fail"}, {t.FlipsToPass, "pass"}, {t.FlipsToUnknown, "unknown"}} {
		if d.n > 0 {
			text += fmt.Sprintf("%s%d to %s", open, d.n, d.to)
			open = ", "
		}
	}
	if t.Flips > 0 {
		text += ")"
	}
	return text
}

// flipping shows the flipping devices.
func flipping(t *cli.Terminal, v *client.Trial) error {
	tab := render.NewTable(t)
	if len(v.Flipping) > 0 {
		tab.Row()
		tab.Row("DEVICE", "NAME", "SCORE", "FROM", "TO", "REASON")
	}
	for _, f := range v.Flipping {
		score := "-"
		if f.Score != nil {
			score = strconv.Itoa(*f.Score)
		}
		tab.Row(f.Device, render.OrDash(f.Name), score, f.From, f.Outcome, f.Reason)
	}
	err := tab.Flush()
	if v.More {
		fmt.Fprintf(t.Err, "%d of %d flipping devices are listed: use --limit, at most 1000\n", len(v.Flipping), v.Flips)
	}
	return err
}
