package command

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/contexts"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"${enum}."`
}

// Help returns the text that --help shows below the summary.
func (completionCmd) Help() string {
	return "bash: source <(plumb completion bash), in ~/.bashrc. zsh: plumb completion zsh > \"${fpath[1]}/_plumb\". " +
		"fish: plumb completion fish > ~/.config/fish/completions/plumb.fish. Names of resources come from the control plane."
}

// scripts pass the words before the cursor to plumb and show its output, one completion per line.
var scripts = map[string]string{
	"bash": `_plumb() {
	local candidate
	COMPREPLY=()
	local -a words=("${COMP_WORDS[@]:1:COMP_CWORD}")
	while IFS= read -r candidate; do
		COMPREPLY+=("$(printf %q "$candidate")")
	done < <(plumb __complete -- "${words[@]//\\/}" 2>/dev/null)
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
	"fish": `function __plumb_complete
	set -l words (commandline -opc) (commandline -ct)
	set -l candidates (plumb __complete -- $words[2..-1] 2>/dev/null)
	if set -q candidates[1]
		printf '%s\n' $candidates
	else
		__fish_complete_path (commandline -ct)
	end
end
complete -c plumb -f -a '(__plumb_complete)'
`,
}

func (c *completionCmd) Run(t *cli.Terminal) error {
	_, err := fmt.Fprint(t.Out, scripts[c.Shell])
	return err
}

type completeCmd struct {
	remote.Flags
	Words []string `arg:"" optional:""`
}

func (c *completeCmd) Run(ctx context.Context, t *cli.Terminal, k *kong.Kong) error {
	found, wanted := candidates(k.Model.Node, c.Words)
	if wanted.kind != "" {
		takeRemoteFlags(&c.Flags, c.Words)
		for _, name := range c.names(ctx, wanted.kind, wanted.prefix) {
			if strings.HasPrefix(name, wanted.prefix) {
				found = append(found, wanted.before+name)
			}
		}
	}
	for _, one := range found {
		if render.Clean(one) == one {
			fmt.Fprintln(t.Out, one)
		}
	}
	return nil
}

// completionWait is the time at most to wait for names.
var completionWait = time.Second

// names returns the names of a kind, or none if the control plane does not answer.
func (c *completeCmd) names(ctx context.Context, kind client.Kind, prefix string) []string {
	if kind == kindContext {
		return contextNames()
	}
	ctx, cancel := context.WithTimeout(ctx, completionWait)
	defer cancel()
	cl, err := c.Client()
	if err != nil {
		return nil
	}
	if kind == kindPermission {
		return permissionNames(ctx, cl)
	}
	if kind == client.KindHold {
		return openHolds(ctx, cl)
	}
	if kind == client.KindExemption {
		return exemptionIDs(ctx, cl)
	}
	if kind == kindDevice {
		return deviceNames(ctx, cl, prefix)
	}
	all, err := cl.Objects(kind).List(ctx)
	if err != nil {
		return nil
	}
	var names []string
	for _, i := range all {
		names = append(names, i.Value.ResourceName())
	}
	return names
}

// deviceNames returns host names, serial numbers and ids of some devices with a prefix: there may be millions.
func deviceNames(ctx context.Context, cl *client.Client, prefix string) []string {
	q := url.Values{"active_registrations": {"include"}}
	if prefix != "" {
		q.Set("search", prefix)
	}
	all, _, err := cl.Devices(ctx, q, 100)
	if err != nil {
		return nil
	}
	var names []string
	for _, i := range all {
		serial := ""
		if i.Value.Serial != nil {
			serial = *i.Value.Serial
		}
		names = append(names, i.Value.Name, serial, i.Value.ID)
	}
	return names
}

// openHolds returns the names and ids of the holds that are not over.
func openHolds(ctx context.Context, cl *client.Client) []string {
	all, err := cl.Holds(url.Values{"state": {"open"}}).List(ctx)
	if err != nil {
		return nil
	}
	var names []string
	for _, i := range all {
		names = append(names, i.Value.Name, i.Value.ID)
	}
	return names
}

func exemptionIDs(ctx context.Context, cl *client.Client) []string {
	all, err := cl.Exemptions(nil).List(ctx)
	if err != nil {
		return nil
	}
	var ids []string
	for _, i := range all {
		ids = append(ids, i.Value.ID)
	}
	return ids
}

func permissionNames(ctx context.Context, cl *client.Client) []string {
	all, err := cl.PermissionGroups(ctx)
	if err != nil {
		return nil
	}
	var names []string
	for _, p := range all {
		if !slices.Contains(names, p.Name) { // zones have permissions of the same names
			names = append(names, p.Name)
		}
	}
	return names
}

func contextNames() []string {
	path, err := remote.ContextsFile()
	if err != nil {
		return nil
	}
	f, err := contexts.Load(path)
	if err != nil {
		return nil
	}
	return f.Names()
}

// Kinds of names without a resource: contexts are stored in a local file.
const (
	kindContext    client.Kind = "context"
	kindPermission client.Kind = "permission"
	kindDevice     client.Kind = "device"
)

// takeRemoteFlags sets the flags of r that are among the words.
func takeRemoteFlags(r *remote.Flags, words []string) {
	for name, to := range map[string]*string{"context": &r.Context, "url": &r.URL, "token": &r.Token,
		"account": &r.Account, "data": &r.Data} {
		if value, given := valueOf(words, "--"+name); given {
			*to = value
		}
	}
}

// valueOf returns the value of a flag among words: --flag value, --flag=value, or --flag = value as split by bash.
func valueOf(words []string, flag string) (value string, given bool) {
	for n, w := range words {
		if v, ok := strings.CutPrefix(w, flag+"="); ok {
			return v, true
		}
		if w != flag {
			continue
		}
		if n+2 < len(words) && words[n+1] == "=" {
			return words[n+2], true
		}
		if n+1 < len(words) {
			return words[n+1], true
		}
	}
	return "", false
}

func last(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[len(words)-1]
}
