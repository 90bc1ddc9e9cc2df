package command

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/client"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"${enum}."`
}

// Help is shown by --help.
func (completionCmd) Help() string {
	return "bash: source <(plumb completion bash), in ~/.bashrc. zsh: plumb completion zsh > \"${fpath[1]}/_plumb\". " +
		"fish: plumb completion fish > ~/.config/fish/completions/plumb.fish. Names of resources are asked for at the control plane."
}

// scripts hand the words up to the cursor to plumb itself, and show what it says, a candidate a line.
var scripts = map[string]string{
	"bash": `_plumb() {
	local candidate
	COMPREPLY=()
	while IFS= read -r candidate; do
		COMPREPLY+=("$(printf %q "$candidate")")
	done < <(plumb __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _plumb plumb
`,
	"zsh": `#compdef plumb
_plumb() {
	local -a candidates
	candidates=("${(@f)$(plumb __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	candidates=(${candidates:#})
	if (( $#candidates )); then compadd -a candidates; else _files; fi
}
if [ "$funcstack[1]" = "_plumb" ]; then _plumb "$@"; else compdef _plumb plumb; fi
`,
	"fish": `complete -c plumb -a '(set -l words (commandline -opc) (commandline -ct); plumb __complete -- $words[2..-1] 2>/dev/null)'
`,
}

func (c *completionCmd) Run(t *cli.Terminal) error {
	_, err := fmt.Fprint(t.Out, scripts[c.Shell])
	return err
}

type completeCmd struct {
	remote
	Words []string `arg:"" optional:""`
}

func (c *completeCmd) Run(ctx context.Context, t *cli.Terminal, k *kong.Kong) error {
	found, kind := candidates(k.Model.Node, c.Words)
	if kind != "" {
		found = append(found, c.names(ctx, kind, last(c.Words))...)
	}
	for _, one := range found {
		if clean(one) == one {
			fmt.Fprintln(t.Out, one)
		}
	}
	return nil
}

// completionWait bounds how long a person who presses tab waits for names.
const completionWait = time.Second

// names are those that begin with a text; none where the control plane does not say.
func (c *completeCmd) names(ctx context.Context, kind client.Kind, prefix string) []string {
	ctx, cancel := context.WithTimeout(ctx, completionWait)
	defer cancel()
	cl, err := c.client()
	if err != nil {
		return nil
	}
	all, err := cl.Objects(kind).List(ctx)
	if err != nil {
		return nil
	}
	var names []string
	for _, i := range all {
		if name := i.Value.ResourceName(); strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
}

// completed are the kinds whose names stand behind commands, by what the arguments are called.
var completed = map[string]client.Kind{
	"integration": client.KindIntegration, "check": client.KindCheck, "policy": client.KindPolicy, "group": client.KindGroup,
	"provider": client.KindIdentityProvider, "tag": client.KindTag, "app": client.KindApplication,
}

func last(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[len(words)-1]
}
