package system

import (
	"net/url"
	"strings"

	"plumbline.dev/services/plumb/client"
)

// problem is a problem with what to do about it.
type problem struct {
	client.SystemFault
	advice
	Path string // of the page about its subject, or empty
}

// Word returns the word of the problem's severity.
func (p problem) Word() string {
	return map[string]string{"fail": "Does not work", "warn": "Look at it", "info": "Good to know"}[p.Severity]
}

// Kind returns the kind of the problem's pill.
func (p problem) Kind() string {
	switch p.Severity {
	case "fail", "warn", "info":
		return p.Severity
	}
	return "unk"
}

func newProblem(f client.SystemFault) problem {
	p := problem{SystemFault: f, advice: advices[f.Code]}
	if service, late := strings.CutSuffix(f.Code, "_late"); late && p.Do == "" {
		p.advice = behind
		p.Command = strings.ReplaceAll(p.Command, "SERVICE", service)
	}
	if f.ID != "" {
		p.Path = "/integrations/" + url.PathEscape(f.ID)
	}
	return p
}

// advice is what to do about a kind of problem.
type advice struct {
	Do      string // a few sentences
	Command string // a command that helps, or empty
	Doc     string // section of deploy/README.md, or empty
}

const logs = "docker compose -f deploy/compose.yaml logs --since 10m SERVICE"

// behind is the advice about a service that does not keep up.
var behind = advice{
	Do: "The service is not running, or does not keep up. Look whether it runs and what its log says. A second process " +
		"of it shares the work. If only this queue is long, poll less often or on more machines.",
	Command: logs, Doc: "When something goes wrong",
}

// advices has what to do, by the code of a problem.
var advices = map[string]advice{
	"not_stored": {Do: "The disk of NATS is probably full. Free space; the services repeat what was not stored, and go " +
		"on by themselves.", Doc: "When the disk is full"},
	"nats_stalled": {Do: "Look whether NATS runs and can be reached from the control plane. Enforcement goes on with " +
		"what the gateways know.", Command: strings.ReplaceAll(logs, "SERVICE", "nats"), Doc: "Monitor"},
	"stream_silent": {Do: "Look whether NATS runs. With three servers, a majority must be up. After an upgrade, give " +
		"NATS the new permissions of the services.", Command: strings.ReplaceAll(logs, "SERVICE", "nats"), Doc: "Upgrade"},
	"servers_behind": {Do: "A server of NATS is down, or catches up. Start it again before another one fails.",
		Doc: "From one server to three"},
	"data_lost": {Do: "Restore a backup, or accept the loss once and configure what is missing again.",
		Command: "docker compose run --rm provision stack provision --accept-loss", Doc: "A damaged store"},
	"unreadable_records": {Do: "A newer version may have written them: upgrade every control plane. Otherwise save " +
		"the named resources again.", Command: strings.ReplaceAll(logs, "SERVICE", "api"), Doc: "Upgrade"},
	"dead_letters": {Do: "Read the reasons with NATS's own tool, as the operator. A batch that was given up counts as " +
		"a failed call, and the next poll repeats it.", Command: "nats stream view POSTURE_DEAD",
		Doc: "When something goes wrong"},
	"history_short": {Do: "Raise the limit of the log if you need all 30 days, or have a follower keep the lines.",
		Command: "plumb up --log-max-bytes BYTES", Doc: "When the disk is full"},
	"scheduler_late": {Do: "The scheduler is not running, or NATS does not store its polls. Look whether it runs and " +
		"what its log says.", Command: strings.ReplaceAll(logs, "SERVICE", "scheduler"), Doc: "When something goes wrong"},
	"poll_overdue": {Do: "Open the integration: its newest calls have the reason. Test the connection there.",
		Doc: "When something goes wrong"},
	"poll_failing": {Do: "Open the integration: its newest calls have the reason. Test the connection there."},
}
