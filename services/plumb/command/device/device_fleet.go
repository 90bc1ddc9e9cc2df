package device

import (
	"context"
	"fmt"
	"strings"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
)

// Help returns the text that --help shows below the summary.
func (deviceList) Help() string { return filterHelp }

const filterHelp = `In a filter, terms beside each other must all hold; OR, AND, NOT, - and parentheses combine them. ` +
	`A term is a text that any property contains; name:, user:, serial:, mac:, ip: or id: with a pattern, in which * ` +
	`stands for any text; check:NAME=STATE or check:NAME!=STATE with pass, fail, unknown, held, exempt, grace or ` +
	`observe; outcome:STATE for some check; held:, exempt:, grace:, observe: or revoked: with yes or no; score<40; age>10m.`

// maxPage is the largest page of the API.
const maxPage = 1000

// fleet returns the devices that a filter selects, limit at most, and whether there are more.
func fleet(ctx context.Context, cl *client.Client, filter string, limit int) (all []client.Item[client.ListedDevice],
	more bool, err error) {
	all = []client.Item[client.ListedDevice]{}
	for q := (client.FleetQuery{Filter: filter}); ; {
		q.PerPage = min(maxPage, limit-len(all))
		page, next, err := cl.Fleet(ctx, q)
		if err != nil {
			return nil, false, err
		}
		if all = append(all, page...); next == "" || len(all) >= limit {
			return all, next != "", nil
		}
		q.Cursor = next
	}
}

func fleetRows(tab *render.Table, all []client.Item[client.ListedDevice], more bool) {
	tab.Row("ID", "NAME", "SERIAL NUMBER", "PERSON", "SCORE", "STATE", "CHECKS")
	for _, i := range all {
		d, score, state := i.Value, "-", "ok"
		if d.Score != nil {
			score = fmt.Sprint(*d.Score)
		}
		if len(d.Exemptions) > 0 {
			state = "exempt"
		}
		if d.RevokedAt != nil {
			state = "revoked"
		}
		tab.Row(d.ID, render.OrDash(d.Hostname), render.OrDash(d.Serial), render.OrDash(d.Email), score, state,
			render.OrDash(checksOf(&d)))
	}
	if more {
		tab.Row("there are more: use --limit or a narrower filter")
	}
}

// checksOf returns the checks of a device with their outcomes.
func checksOf(d *client.ListedDevice) string {
	texts := make([]string, len(d.Checks))
	for n, c := range d.Checks {
		texts[n] = c.Name + " " + c.Outcome
		if c.Enforced != "" {
			texts[n] += " (" + strings.ReplaceAll(c.Enforced, "_", " ") + ")"
		}
	}
	return strings.Join(texts, ", ")
}

type deviceExport struct {
	remote.Flags
	Filter string `env:"-" help:"Only devices that a filter selects; see devices list." placeholder:"FILTER"`
	Format string `enum:"csv,ndjson" default:"csv" env:"-" help:"Format: ${enum}."`
}

func (c *deviceExport) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	return cl.ExportFleet(ctx, c.Filter, c.Format, t.Out)
}
