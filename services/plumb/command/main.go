package command

import (
	"context"
	"log/slog"

	"github.com/alecthomas/kong"
	"plumbline.dev/services/internal/cli"
)

// grammar is the command line.
type grammar struct {
	//lint:ignore SA5008 kong reads every set of a command
	Up upCmd `cmd:"" set:"log_level=info" set:"min_interval=1m" help:"Run every service in this process, on an embedded NATS server."`
	//lint:ignore SA5008 kong reads every set of a command
	Demo demoCmd `cmd:"" set:"log_level=warn" set:"min_interval=1s" help:"The same with a sample scoring API, 2,500 devices and two checks over them; shows each poll."`

	Devices     devicesCmd     `cmd:"" help:"Enrol, show and remove devices."`
	Integration integrationCmd `cmd:"" help:"Scoring APIs that are polled: list, create, show, edit, pause, resume, delete."`
	Check       checkCmd       `cmd:"" help:"Checks over the scores: list, create, show, edit, delete."`
	Token       tokenCmd       `cmd:"" help:"Service tokens: list, create, show, edit, refresh, rotate, enable, disable, delete."`
	App         appCmd         `cmd:"" help:"Applications that are protected: list, create, show, edit, revoke-tokens, delete."`
	Policy      policyCmd      `cmd:"" help:"Policies that applications share: list, create, show, edit, delete."`
	Group       groupCmd       `cmd:"" help:"Groups that policies refer to: list, create, show, edit, delete."`
	Idp         idpCmd         `cmd:"" help:"Identity providers that people log in at: list, create, show, edit, delete."`
	Tag         tagCmd         `cmd:"" help:"Tags of applications: list, create, show, edit, delete."`
	Org         orgCmd         `cmd:"" help:"The account's settings of access: show, set."`
	Keys        keysCmd        `cmd:"" help:"Keys that sign application tokens: show, rotate, interval."`
	Explain     explainCmd     `cmd:"" help:"Why a check says what it says of a device: tick, batch, HTTP status, score, revision, age."`
	Results     resultsCmd     `cmd:"" help:"Results of a device, or all results as they come (--follow)."`
	History     historyCmd     `cmd:"" help:"What checks said of a device, the newest first."`
	Log         logCmd         `cmd:"" help:"Logs by time, and as they grow (--follow): posture, access."`
	Poll        pollCmd        `cmd:"" help:"Poll an integration now, and show what came of it."`
	Polls       pollsCmd       `cmd:"" help:"An integration's newest polls: duration, pages, failures."`
	Status      statusCmd      `cmd:"" help:"Each integration: its newest poll, whether it is paused or overdue."`

	APITokens apiTokenCmd `cmd:"" name:"api-tokens" help:"Tokens of the control plane: list, create, show, edit, roll, revoke, permissions."`
	Audit     auditCmd    `cmd:"" help:"Who changed what."`

	Apply      applyCmd      `cmd:"" help:"Make the account match files; the difference is shown first."`
	Import     importCmd     `cmd:"" help:"Write files for plumb apply from what is elsewhere: cloudflare."`
	Completion completionCmd `cmd:"" help:"Write what makes a shell complete commands, flags and names: bash, zsh, fish."`
	Complete   completeCmd   `cmd:"" name:"__complete" hidden:""`
	Context    contextCmd    `cmd:"" help:"Control planes by name: list, add, use, remove."`

	Version versionCmd `cmd:"" help:"Show the version, the commit and the versions of the message schemas."`

	Follower followerCmd `cmd:"" help:"Other systems that follow results on NATS: create, list, revoke."`

	Stack stackCmd `cmd:"" set:"log_level=info" help:"Prepare services that run on their own: files, streams, the demo's set-up."`
}

const about = "Plumbline polls a scoring API about every enrolled device, decides pass or fail from the score, and publishes each result on NATS."

const exits = "Exit codes: 0 done; 1 failed; 2 the command line cannot be meant; 3 what was named is not there; 4 the API token is not known or may not; " +
	"5 somebody else changed it meanwhile, or it is there already; 6 there are changes (apply --dry-run); " +
	"7 something was left out (import)."

// Main is the main of plumb; it returns the exit code.
func Main() int {
	app := cli.App{Name: "plumb", About: about + "\n\n" + exits, Options: []kong.Option{cli.LogAt(slog.LevelWarn), kong.Vars{"min_interval": "1m"}}}
	return cli.Main(app, new(grammar), func(ctx context.Context, k *kong.Context) error {
		k.BindTo(ctx, (*context.Context)(nil))
		return coded(k.Run(cli.Standard()))
	})
}
