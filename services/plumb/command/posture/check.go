package posture

import (
	"context"
	"net/url"
	"strconv"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// Checks is the command plumb check.
type Checks struct {
	List   resource.List[checkName, client.Check]                `cmd:"" help:"List checks."`
	Create resource.Create[checkName, checkCreate, client.Check] `cmd:"" help:"Create a check that compares a device's score with a threshold."`
	Show   resource.Show[checkName, client.Check]                `cmd:"" aliases:"get" help:"Show a check."`
	Edit   resource.Replace[checkName, checkEdit, client.Check]  `cmd:"" help:"Change a check. Every device is evaluated again, without a poll."`
	Try    checkTry                                              `cmd:"" help:"Show what a check, or a change of one, would decide, without saving it."`
	Delete resource.Delete[checkName, client.Check]              `cmd:"" help:"Delete a check and close its results."`
}

type checkName struct {
	Check string `arg:"" help:"Id or name of the check."`
}

func (n checkName) Typed() string { return n.Check }

func (checkName) Kind() resource.Kind[client.Check] { return checks }

var checks = resource.Kind[client.Check]{
	Collection: func(cl *client.Client) client.Collection[client.Check] { return cl.Checks },
	Header:     []any{"ID", "NAME", "PASSES WHEN", "EXPIRES", "INTEGRATION", "STATE", "ENFORCEMENT"},
	Row: func(k client.Check) []any {
		expires, integration := render.OrDash(k.Expiration), render.OrDash(k.Input.Integration)
		return []any{k.ID, k.Name, comparison(k), expires, integration, checkState(k), enforcement(k)}
	},
	Fields: func(tab *render.Table, k client.Check) {
		tab.Row("id", k.ID)
		tab.Row("name", k.Name)
		if k.Type != proto.TypeCustomS2S {
			tab.Row("type", k.Type)
		}
		tab.Row("passes when", comparison(k))
		tab.Row("expires", render.OrDash(k.Expiration))
		tab.Row("integration", render.OrDash(k.Input.Integration))
		tab.Row("state", checkState(k))
		settingRows(tab, k)
	},
}

// comparison returns the condition of a check, such as "score >= 60", or a dash for a check that has no score.
func comparison(k client.Check) string {
	if k.Type != proto.TypeCustomS2S {
		return "-"
	}
	return "score " + k.Input.Operator + " " + k.Input.Score.String()
}

// checkState returns whether a check is evaluated: ok, or unsupported for every type but one.
func checkState(k client.Check) string {
	if k.Type != proto.TypeCustomS2S {
		return render.Unsupported
	}
	return "ok"
}

type checkCreate struct {
	Name        string  `required:"" env:"-" help:"Name of the check."`
	Integration string  `required:"" env:"-" help:"Integration that supplies the scores, by id or name."`
	Operator    string  `required:"" env:"-" enum:"<,<=,>,>=,==" help:"Comparison of the score with --score: ${enum}."`
	Score       float64 `required:"" env:"-" help:"Threshold, 0 to 100."`
	Expiration  string  `env:"-" help:"Validity of a score, such as 1h. Default: until the next score." placeholder:"DURATION"`
	Description string  `env:"-" help:"Description."`
	settingFlags
}

// Body returns the check of the flags.
func (c checkCreate) Body(ctx context.Context, _ *cli.Terminal, cl *client.Client) (any, error) {
	integration, err := resource.ID(ctx, cl.Integrations, c.Integration)
	if err != nil {
		return nil, err
	}
	body := map[string]any{"name": c.Name, "type": proto.TypeCustomS2S,
		"input": client.CheckInput{Integration: integration, Operator: c.Operator, Score: client.Number(c.Score)}}
	for name, text := range map[string]string{"expiration": c.Expiration, "description": c.Description} {
		if text != "" {
			body[name] = text
		}
	}
	_, err = c.set(body)
	return body, err
}

// checkChanges are the flags that change a check. A flag that is not given changes nothing.
type checkChanges struct {
	Name        *string  `env:"-" help:"New name."`
	Operator    *string  `env:"-" help:"New comparison: one of < <= > >= ==."`
	Score       *float64 `env:"-" help:"New threshold."`
	Expiration  *string  `env:"-" help:"New validity of a score. Empty: until the next score."`
	Description *string  `env:"-" help:"New description."`
	settingFlags
}

// change sets the members of a check for the given flags, and returns their number.
func (c checkChanges) change(body map[string]any) (int, error) {
	edited, err := c.set(body)
	if err != nil {
		return 0, err
	}
	edited += resource.Set(body, "name", c.Name) + resource.Set(body, "expiration", c.Expiration) +
		resource.Set(body, "description", c.Description)
	if c.Operator == nil && c.Score == nil {
		return edited, nil
	}
	input := resource.Member(body, "input")
	return edited + resource.Set(input, "operator", c.Operator) + resource.Set(input, "score", c.Score), nil
}

type checkEdit struct {
	checkChanges
	ExpectFlips *uint32 `env:"-" help:"Change nothing if the outcomes of more devices than this would flip; see plumb check try." placeholder:"N"`
}

// Edit sets the members of a check for the given flags.
func (c checkEdit) Edit(_ context.Context, _ *cli.Terminal, _ *client.Client, _ client.Check,
	body map[string]any) (int, error) {
	return c.change(body)
}

// Query returns the query of the request.
func (c checkEdit) Query() url.Values {
	if c.ExpectFlips == nil {
		return nil
	}
	return url.Values{"expect_flips": {strconv.FormatUint(uint64(*c.ExpectFlips), 10)}}
}
