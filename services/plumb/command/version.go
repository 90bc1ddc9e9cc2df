package command

import (
	"fmt"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
)

type versionCmd struct{ output }

func (c *versionCmd) Run(t *cli.Terminal) error {
	public := []proto.Message{&proto.Entry{}, &proto.Change{}, &proto.Authentication{}, &proto.AuditEvent{}}
	schemas := make([]string, len(public))
	for n, m := range public {
		schemas[n] = m.Schema().String()
	}
	v := struct {
		Version string   `json:"version"`
		Schemas []string `json:"schemas"`
	}{cli.Version(), schemas}
	return c.show(t, v, func(tab *table) {
		tab.row(fmt.Sprintf("plumb %s", v.Version))
		tab.row("schemas: " + strings.Join(v.Schemas, ", "))
	})
}
