package account

import (
	"context"
	"fmt"
	"slices"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// Members is the command plumb members.
type Members struct {
	List   resource.List[memberName, client.Member]               `cmd:"" help:"List members."`
	Add    resource.Create[memberName, memberAdd, client.Member]  `cmd:"" help:"Add a member."`
	Show   resource.Show[memberName, client.Member]               `cmd:"" aliases:"get" help:"Show a member."`
	Edit   resource.Update[memberName, memberEdit, client.Member] `cmd:"" help:"Change the roles or the status of a member."`
	Remove resource.Delete[memberName, client.Member]             `cmd:"" aliases:"delete" help:"Remove a member. They lose access at once."`
}

type memberName struct {
	Member string `arg:"" help:"Id or e-mail address of the member."`
}

func (n memberName) Typed() string { return n.Member }

func (memberName) Kind() resource.Kind[client.Member] { return members }

var members = resource.Kind[client.Member]{
	Collection: func(cl *client.Client) client.Collection[client.Member] { return cl.Members() },
	Header:     []any{"ID", "EMAIL", "ROLES", "STATUS"},
	Row:        func(m client.Member) []any { return []any{m.ID, m.Email, m.RoleNames(), m.Status} },
	Fields: func(tab *render.Table, m client.Member) {
		tab.Row("id", m.ID)
		tab.Row("email", m.Email)
		tab.Row("roles", m.RoleNames())
		tab.Row("status", m.Status)
		tab.Row("created", render.Moment(&m.CreatedAt))
	},
}

// roleIDs maps the words of --role to the ids of roles, which never change.
var roleIDs = map[string]string{
	"admin":  "05784afa30c1afe1440e79d9351c7430",
	"editor": "c2f5a7d0a94b4f0d8d6b2f4e5c1a9e37",
	"read":   "f2b20eaa1a5d4af42b53ac16238c99c7",
}

// rolesOf returns the ids of the roles that were named by a word, an id or the name of a role.
func rolesOf(ctx context.Context, cl *client.Client, named []string) ([]string, error) {
	var ids []string
	var all []client.Item[client.Role]
	for _, name := range named {
		if id := roleIDs[name]; id != "" {
			ids = append(ids, id)
			continue
		}
		if all == nil {
			var err error
			if all, err = cl.Roles(ctx); err != nil {
				return nil, err
			}
		}
		n := slices.IndexFunc(
			all,
			func(r client.Item[client.Role]) bool { return r.Value.ID == name || r.Value.Name == name },
		)
		if n < 0 {
			return nil, fmt.Errorf("no role has the id or name %q", name)
		}
		ids = append(ids, all[n].Value.ID)
	}
	return ids, nil
}

type memberAdd struct {
	Email string   `arg:"" help:"E-mail address, as the identity provider states it."`
	Role  []string `required:"" env:"-" help:"Role: admin, editor, read, or the id or name of a role. May be repeated." placeholder:"ROLE"`
}

// Body returns the member of the flags.
func (c memberAdd) Body(ctx context.Context, _ *cli.Terminal, cl *client.Client) (any, error) {
	roles, err := rolesOf(ctx, cl, c.Role)
	return map[string]any{"email": c.Email, "roles": roles}, err
}

type memberEdit struct {
	Role   []string `env:"-" help:"New role: admin, editor, read, or the id of a role. Replaces the roles. May be repeated." placeholder:"ROLE"`
	Status string   `env:"-" enum:",accepted,pending" default:"" help:"New status: accepted, or pending, which suspends the member." placeholder:"STATUS"`
}

// Body returns the members to change. A name of a role needs the control plane, so only words and ids are accepted.
func (c memberEdit) Body() (any, error) {
	body := map[string]any{}
	if len(c.Role) > 0 {
		ids := make([]string, len(c.Role))
		for n, name := range c.Role {
			if ids[n] = roleIDs[name]; ids[n] == "" {
				ids[n] = name
			}
		}
		body["roles"] = ids
	}
	if c.Status != "" {
		body["status"] = c.Status
	}
	if len(body) == 0 {
		return nil, nil
	}
	return body, nil
}
