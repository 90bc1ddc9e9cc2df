package command

import (
	"context"
	"fmt"
	"slices"
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

// candidates are what the last of the words can become, and the kind of resource whose name can stand there.
func candidates(node *kong.Node, words []string) (found []string, kind client.Kind) {
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "=" }) // bash parts words there
	partial := last(words)
	var flag *kong.Flag // that waits for its value
	args := 0
	for _, w := range words[:max(0, len(words)-1)] {
		switch {
		case flag != nil:
			flag = nil
		case strings.HasPrefix(w, "-"):
			if f := findFlag(node, w); f != nil && !f.IsBool() {
				flag = f
			}
		default:
			if child := findCommand(node, w); child != nil {
				node = child
			} else {
				args++
			}
		}
	}
	switch {
	case flag != nil:
		return starting(partial, enumOf(flag.Value)), ""
	case strings.HasPrefix(partial, "--") && strings.Contains(partial, "="):
		name, value, _ := strings.Cut(partial, "=")
		if f := findFlag(node, name); f != nil {
			for _, v := range starting(value, enumOf(f.Value)) {
				found = append(found, name+"="+v)
			}
		}
		return found, ""
	case strings.HasPrefix(partial, "-"):
		for _, group := range node.AllFlags(true) {
			for _, f := range group {
				found = append(found, "--"+f.Name)
			}
		}
		return starting(partial, found), ""
	}
	for _, child := range node.Children {
		if child.Type == kong.CommandNode && !child.Hidden {
			found = append(found, child.Name)
		}
	}
	if args < len(node.Positional) {
		arg := node.Positional[args]
		found, kind = append(found, enumOf(arg)...), completed[arg.Name]
		if arg.Name == "token" && node.Parent != nil {
			kind = map[string]client.Kind{"token": client.KindServiceToken, "api-tokens": client.KindAPIToken}[node.Parent.Name]
		}
	}
	return starting(partial, found), kind
}

func starting(prefix string, all []string) []string {
	all = slices.DeleteFunc(all, func(s string) bool { return s == "" || !strings.HasPrefix(s, prefix) })
	slices.Sort(all)
	return slices.Compact(all)
}

func enumOf(v *kong.Value) []string {
	if v.Enum == "" {
		return nil
	}
	return v.EnumSlice()
}

func findCommand(node *kong.Node, word string) *kong.Node {
	for _, child := range node.Children {
		if child.Type == kong.CommandNode && (child.Name == word || slices.Contains(child.Aliases, word)) {
			return child
		}
	}
	return nil
}

// findFlag finds the flag of a word; one that has its value behind a = is none that waits.
func findFlag(node *kong.Node, word string) *kong.Flag {
	for _, group := range node.AllFlags(false) {
		for _, f := range group {
			if word == "--"+f.Name || f.Short != 0 && word == "-"+string(f.Short) {
				return f
			}
		}
	}
	return nil
}
