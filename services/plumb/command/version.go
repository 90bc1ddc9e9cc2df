package command

import (
	"fmt"
	"strings"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/command/render"
)

type versionCmd struct{ render.Output }

func (c *versionCmd) Run(t *cli.Terminal) error {
	v := struct {
		Version string   `json:"version"`
		Schemas []string `json:"schemas"`
	}{cli.Version(), cli.Schemas()}
	return c.Show(t, v, func(tab *render.Table) {
		tab.Row(fmt.Sprintf("plumb %s", v.Version))
		tab.Row("schemas: " + strings.Join(v.Schemas, ", "))
	})
}
