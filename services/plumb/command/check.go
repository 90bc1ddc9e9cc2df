package command

import (
	"context"
	"encoding/json"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

type checkCmd struct {
	List   checkList   `cmd:"" help:"List all."`
	Create checkCreate `cmd:"" help:"Create one: a device passes when its score stands in the relation."`
	Show   checkShow   `cmd:"" aliases:"get" help:"Show one."`
	Edit   checkEdit   `cmd:"" help:"Change one; every device is evaluated again, without a poll."`
	Delete checkDelete `cmd:"" help:"Delete one; its results are closed."`
}

type checkName struct {
	Check string `arg:"" help:"Id or name."`
}

type checkList struct {
	remote
	reading
}

func (c *checkList) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return list(ctx, t, &c.reading, cl.Checks, func(tab *table, k client.Check) {
		tab.row(k.ID, k.Name, relation(k), orDash(k.Expiration), orDash(k.Input.Integration), checkState(k))
	}, "ID", "NAME", "PASSES WHEN", "EXPIRES", "INTEGRATION", "STATE")
}

// relation is what is asked of the score; nothing, where the check is about something else.
func relation(k client.Check) string {
	if k.Type != proto.TypeCustomS2S {
		return "-"
	}
	return "score " + k.Input.Operator + " " + k.Input.Score.String()
}

// checkState says whether results can come of a check: only those of one type are evaluated.
func checkState(k client.Check) string {
	if k.Type != proto.TypeCustomS2S {
		return unsupported
	}
	return "ok"
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func checkFields(tab *table, k client.Check) {
	tab.row("id", k.ID)
	tab.row("name", k.Name)
	if k.Type != proto.TypeCustomS2S {
		tab.row("type", k.Type)
	}
	tab.row("passes when", relation(k))
	tab.row("expires", orDash(k.Expiration))
	tab.row("integration", orDash(k.Input.Integration))
	tab.row("state", checkState(k))
}

type checkCreate struct {
	remote
	output
	Name        string  `required:"" env:"-" help:"Name."`
	Integration string  `required:"" env:"-" help:"Integration whose scores it is about, by id or name."`
	Operator    string  `required:"" env:"-" enum:"<,<=,>,>=,==" help:"Relation of the score to --score: ${enum}."`
	Score       float64 `required:"" env:"-" help:"What the score is compared with, 0 to 100."`
	Expiration  string  `env:"-" help:"How long a score counts, such as 1h. Without it, until a newer one comes."`
	Description string  `env:"-" help:"Description."`
}

func (c *checkCreate) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	integration, err := cl.Integrations.Find(ctx, c.Integration)
	if err != nil {
		return err
	}
	item, err := cl.Checks.Create(ctx, client.Check{
		Name: c.Name, Type: proto.TypeCustomS2S, Expiration: c.Expiration, Description: c.Description,
		Input: client.CheckInput{Integration: integration.Value.ID, Operator: c.Operator, Score: client.Number(c.Score)},
	})
	if err != nil {
		return err
	}
	return one(t, &c.output, item, checkFields)
}

type checkShow struct {
	remote
	reading
	checkName
}

func (c *checkShow) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return get(ctx, t, &c.reading, cl.Checks, c.Check, checkFields)
}

type checkEdit struct {
	remote
	output
	checkName
	Name        *string  `env:"-" help:"New name."`
	Operator    *string  `env:"-" help:"New relation: one of < <= > >= ==."`
	Score       *float64 `env:"-" help:"New score to compare with."`
	Expiration  *string  `env:"-" help:"New expiration; empty for none."`
	Description *string  `env:"-" help:"New description."`
}

// Run sends the whole rule back with what changes: the control plane takes a rule as a whole.
func (c *checkEdit) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	item, err := cl.Checks.Current(ctx, c.Check)
	if err != nil {
		return err
	}
	var body map[string]any
	if err := json.Unmarshal(item.Raw, &body); err != nil {
		return err
	}
	input, _ := body["input"].(map[string]any)
	if input == nil {
		input = map[string]any{}
	}
	changed := set(body, "name", c.Name) + set(body, "expiration", c.Expiration) + set(body, "description", c.Description) +
		set(input, "operator", c.Operator) + set(input, "score", c.Score)
	if changed == 0 {
		return inEditor(ctx, t, &c.output, cl.Checks, item, checkFields)
	}
	body["input"] = input
	delete(body, "id")
	if item, err = cl.Checks.Replace(ctx, item.Value.ID, item.Revision, body); err != nil {
		return err
	}
	return one(t, &c.output, item, checkFields)
}

func set[T any](object map[string]any, name string, value *T) int {
	if value == nil {
		return 0
	}
	object[name] = *value
	return 1
}

type checkDelete struct {
	remote
	confirmation
	checkName
}

func (c *checkDelete) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return remove(ctx, t, &c.confirmation, cl.Checks, c.Check)
}
