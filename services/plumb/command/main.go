package command

import (
	"context"
	"log/slog"

	"github.com/alecthomas/kong"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/access"
	"plumbline.dev/services/plumb/command/account"
	"plumbline.dev/services/plumb/command/destination"
	"plumbline.dev/services/plumb/command/device"
	"plumbline.dev/services/plumb/command/documents"
	"plumbline.dev/services/plumb/command/enforcement"
	"plumbline.dev/services/plumb/command/hold"
	"plumbline.dev/services/plumb/command/logs"
	"plumbline.dev/services/plumb/command/posture"
	"plumbline.dev/services/plumb/command/process"
	"plumbline.dev/services/plumb/command/remote"
)

// grammar is the command line.
type grammar struct {
	//lint:ignore SA5008 kong reads every set of a command
	Up process.Up `cmd:"" set:"log_level=info" set:"min_interval=1m" help:"Run every service in this process, with an embedded NATS server."`
	//lint:ignore SA5008 kong reads every set of a command
	Demo process.Demo `cmd:"" set:"log_level=warn" set:"min_interval=1s" help:"Run plumb up with a sample scoring API, 2,500 devices and two checks, and show each poll."`

	Devices     device.Devices       `cmd:"" help:"List, import, show, revoke and delete devices."`
	Integration posture.Integrations `cmd:"" help:"Manage integrations, the scoring APIs that are polled."`
	Check       posture.Checks       `cmd:"" help:"Manage checks, which compare scores with thresholds."`
	Exempt      enforcement.Exempt   `cmd:"" help:"Exempt devices from a check, or from every check, for a time."`
	Enforcement enforcement.Switch   `cmd:"" help:"Show whether checks are enforced, or turn enforcement off for a time."`
	Token       access.ServiceTokens `cmd:"" help:"Manage service tokens."`
	App         access.Apps          `cmd:"" help:"Manage the applications that the gateway protects."`
	Hold        hold.Holds           `cmd:"" help:"List, release and reject holds: outcomes that a breaker keeps from changing."`
	Policy      access.Policies      `cmd:"" help:"Manage reusable policies."`
	Group       access.Groups        `cmd:"" help:"Manage groups of rules that policies refer to."`
	Idp         access.Providers     `cmd:"" help:"Manage identity providers for logins."`
	Tag         access.Tags          `cmd:"" help:"Manage tags of applications."`
	Zone        access.Zones         `cmd:"" help:"Manage zones, namespaces of applications with hosts of their own."`
	Org         access.Organization  `cmd:"" help:"Show or change the account's access settings."`
	Keys        access.Keys          `cmd:"" help:"Show or rotate the keys that sign application tokens."`
	Explain     posture.Explain      `cmd:"" help:"Explain a device's results: poll, HTTP status, score, revision, age."`
	Results     posture.Results      `cmd:"" help:"Show a device's results, or all results as they change (--follow)."`
	History     posture.History      `cmd:"" help:"Show a device's past results, newest first."`
	Log         logs.Logs            `cmd:"" help:"Show or follow the posture log or the access log."`
	Poll        posture.Poll         `cmd:"" help:"Poll an integration now and show the outcome."`
	Polls       posture.Polls        `cmd:"" help:"List an integration's newest polls: duration, pages, failures."`
	Status      posture.Status       `cmd:"" help:"Show each integration's newest poll and whether it is paused or overdue."`

	Destination destination.Destinations `cmd:"" help:"Manage destinations, the systems that receive events, such as webhooks."`

	APITokens account.APITokens `cmd:"" name:"api-tokens" help:"Manage API tokens of the control plane."`
	Members   account.Members   `cmd:"" help:"Manage members, people who use the control plane through the gateway."`
	Console   account.Console   `cmd:"" help:"Log in to the console, which shows and does in a browser what these commands do."`
	Audit     logs.Audit        `cmd:"" help:"Show who changed what."`

	Apply      documents.Apply  `cmd:"" help:"Make the account match files, after showing the changes."`
	Import     documents.Import `cmd:"" help:"Export a Cloudflare account to files for plumb apply."`
	Completion completionCmd    `cmd:"" help:"Print the completion script of a shell: bash, zsh or fish."`
	Complete   completeCmd      `cmd:"" name:"__complete" hidden:""`
	Context    account.Contexts `cmd:"" help:"Manage contexts, which store control planes and API tokens by name."`

	Version versionCmd `cmd:"" help:"Show the version, the commit and the versions of the message schemas."`

	Follower process.Followers `cmd:"" help:"Manage followers, the NATS clients that receive results."`
	Verify   process.Verify    `cmd:"" help:"Verify the signatures of the posture log, and find missing entries."`

	Stack process.Stack `cmd:"" set:"log_level=info" help:"Prepare services that run on their own: files, streams, demo data."`
}

const about = "Plumbline polls a scoring API for every enrolled device, decides pass or fail from the score, " +
	"and publishes each result on NATS."

const exitCodes = "Exit codes: 0 success; 1 failure; 2 usage error; 3 not found; " +
	"4 API token unknown or not permitted; " +
	"5 conflict: changed by another client, or already exists; 6 changes are pending (apply --dry-run); " +
	"7 something was left out (import)."

// Main is the main function of plumb. It returns the exit code.
func Main() int {
	options := []kong.Option{cli.LogAt(slog.LevelWarn), kong.Vars{"min_interval": "1m"}}
	app := cli.App{Name: "plumb", About: about + "\n\n" + exitCodes, Options: options}
	return cli.Main(app, new(grammar), func(ctx context.Context, k *kong.Context) error {
		t := cli.Standard()
		k.BindTo(client.WithWarnings(ctx, remote.Warnings(t.Err)), (*context.Context)(nil))
		return remote.Coded(k.Run(t))
	})
}
