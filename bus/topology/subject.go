package topology

import (
	"fmt"
	"strconv"
	"strings"

	"plumbline.dev/proto"
)

// Subjects without a variable part.
const (
	ExchangeService = "access.exchange.service"
	ExchangeUser    = "access.exchange.user"
	Statements      = "access.exchange.statement"
	Certs           = "access.certs"
	KeysCommands    = "access.keys"
)

// PageNumber names a page within its account, from 0.
type PageNumber uint32

// PageRef names a page as one integration sees it: what batches, inputs and entries are about.
type PageRef struct {
	Account     proto.Account
	Integration proto.ID
	Page        PageNumber
}

func (p PageRef) subject(root string) string {
	b := make([]byte, 0, 96)
	b = append(b, root...)
	b = append(b, p.Account.String()...)
	b = append(b, '.')
	b, _ = p.Integration.AppendText(b)
	b = append(b, '.')
	b = strconv.AppendUint(b, uint64(p.Page), 10)
	return string(b)
}

const (
	tickRoot    = "posture.tick."
	batchRoot   = "posture.batch."
	scoresRoot  = "posture.scores."
	logRoot     = "posture.log."
	changeRoot  = "posture.change."
	deadRoot    = "posture.dead."
	probeRoot   = "posture.probe."
	commandRoot = "devices.command."
	answerRoot  = "devices.answer."
	accessRoot  = "access.log."
	loginRoot   = "access.probe."
	tokenRoot   = "access.token."
	auditRoot   = "audit."
	outboxRoot  = "outbox."
)

// Tick is the subject of an integration's ticks.
func Tick(a proto.Account, integration proto.ID) string {
	return tickRoot + a.String() + "." + integration.String()
}

// Batch is the subject of a page's API calls.
func Batch(p PageRef) string { return p.subject(batchRoot) }

// Batches matches every batch of an integration.
func Batches(a proto.Account, integration proto.ID) string {
	return batchRoot + a.String() + "." + integration.String() + ".*"
}

// Scores is the subject of a page's inputs to the evaluator.
func Scores(p PageRef) string { return p.subject(scoresRoot) }

// Log is the subject of a page's entries.
func Log(p PageRef) string { return p.subject(logRoot) }

// LogOf matches every entry of an account.
func LogOf(a proto.Account) string { return logRoot + a.String() + ".>" }

// LogOfIntegration matches every entry of an integration.
func LogOfIntegration(a proto.Account, integration proto.ID) string {
	return logRoot + a.String() + "." + integration.String() + ".*"
}

// LogOfPage matches every entry of a page, of every integration.
func LogOfPage(a proto.Account, page PageNumber) string {
	return logRoot + a.String() + ".*." + strconv.FormatUint(uint64(page), 10)
}

// AllLogs matches every entry of every account.
const AllLogs = logRoot + ">"

// Change is the subject of the devices of a page whose outcome for a check became outcome.
func Change(a proto.Account, check proto.ID, outcome proto.Outcome, page PageNumber) string {
	return fmt.Sprintf("%s%s.%s.%s.%d", changeRoot, a, check, outcome, page)
}

// AllChanges matches every change of every account.
const AllChanges = changeRoot + ">"

// ChangesOf matches every change of an account.
func ChangesOf(a proto.Account) string { return changeRoot + a.String() + ".>" }

// Dead is the subject of the messages of a stage that could not be handled.
func Dead(stage string, a proto.Account) string { return deadRoot + stage + "." + a.String() }

// Probe is the request subject of "Test and save".
func Probe(a proto.Account) string { return probeRoot + a.String() }

// AllProbes is what fetchers listen on.
const AllProbes = probeRoot + "*"

// ProviderProbe is the request subject of the test of an identity provider.
func ProviderProbe(a proto.Account) string { return loginRoot + a.String() }

// AllProviderProbes is what gateways listen on.
const AllProviderProbes = loginRoot + "*"

// Command is the subject of an account's inventory commands.
func Command(a proto.Account) string { return commandRoot + a.String() }

// CommandAnswers begins the subjects on which a role is told what became of its commands. The registry may publish to
// these, and not to the inboxes of the role.
func CommandAnswers(r Role) string { return answerRoot + string(r) }

// AccessLog is the subject of an application's authentications.
func AccessLog(a proto.Account, app proto.ID) string {
	return accessRoot + a.String() + "." + app.String()
}

// AccessLogsOf matches every authentication of an account.
func AccessLogsOf(a proto.Account) string { return accessRoot + a.String() + ".*" }

// TokenNotice is the subject of what is told of a service token's end.
func TokenNotice(a proto.Account, token proto.ID) string {
	return tokenRoot + a.String() + "." + token.String()
}

// Audit is the subject of an account's configuration changes.
func Audit(a proto.Account) string { return auditRoot + a.String() }

// Outbox is the subject of what the audit log is to be told of a change, in the stream of the bucket that is
// changed: both are stored in one batch, so that no change is without it. It comes before the change, so that the
// newest message of the stream is always one of the bucket. It ends by itself after [OutboxTTL].
func Outbox(bucket string, a proto.Account, event proto.ID) string {
	return outboxRoot + bucket + "." + a.String() + "." + event.String()
}

// ActionOutbox is the subject of what the audit log is to be told of an action that changes no bucket by itself,
// in [AuditOutbox]. It is stored before the action, in words that are true if nothing more is heard of it, and
// replaced when the action is over.
func ActionOutbox(a proto.Account, event proto.ID) string { return Outbox(actions, a, event) }

const actions = "ACTIONS"

func outboxes(of string) string { return outboxRoot + of + ".*.*" }

// ParsePage reads the subject of a batch, an input or an entry.
func ParsePage(subject string) (PageRef, error) {
	t := strings.Split(subject, ".")
	if len(t) != 5 || t[0] != "posture" || (t[1] != "batch" && t[1] != "scores" && t[1] != "log") {
		return PageRef{}, fmt.Errorf("%q is not the subject of a page", subject)
	}
	a, err1 := proto.ParseAccount(t[2])
	i, err2 := proto.ParseID(t[3])
	n, err3 := parsePageNumber(t[4])
	if err := first(err1, err2, err3); err != nil {
		return PageRef{}, fmt.Errorf("subject %q: %w", subject, err)
	}
	return PageRef{Account: a, Integration: i, Page: n}, nil
}

// ParseTick reads the subject of a tick.
func ParseTick(subject string) (proto.Account, proto.ID, error) {
	t := strings.Split(subject, ".")
	if len(t) != 4 || t[0] != "posture" || t[1] != "tick" {
		return proto.Account{}, proto.ID{}, fmt.Errorf("%q is not the subject of a tick", subject)
	}
	a, err1 := proto.ParseAccount(t[2])
	i, err2 := proto.ParseID(t[3])
	if err := first(err1, err2); err != nil {
		return proto.Account{}, proto.ID{}, fmt.Errorf("subject %q: %w", subject, err)
	}
	return a, i, nil
}

// ChangeRef is what the subject of a change says.
type ChangeRef struct {
	Account proto.Account
	Check   proto.ID
	Outcome proto.Outcome
	Page    PageNumber
}

// ParseChange reads the subject of a change.
func ParseChange(subject string) (ChangeRef, error) {
	t := strings.Split(subject, ".")
	if len(t) != 6 || t[0] != "posture" || t[1] != "change" {
		return ChangeRef{}, fmt.Errorf("%q is not the subject of a change", subject)
	}
	a, err1 := proto.ParseAccount(t[2])
	c, err2 := proto.ParseID(t[3])
	o, err3 := proto.ParseOutcome(t[4])
	n, err4 := parsePageNumber(t[5])
	if err := first(err1, err2, err3, err4); err != nil {
		return ChangeRef{}, fmt.Errorf("subject %q: %w", subject, err)
	}
	return ChangeRef{Account: a, Check: c, Outcome: o, Page: n}, nil
}

// AccountOf finds the account in any subject or bucket key of the table; the zero account where there is
// none. It is how a dead letter of an unreadable message still finds its account.
func AccountOf(subject string) proto.Account {
	for t := range strings.SplitSeq(subject, ".") {
		if a, err := proto.ParseAccount(t); err == nil {
			return a
		}
	}
	return proto.Account{}
}

func parsePageNumber(s string) (PageNumber, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || (len(s) > 1 && s[0] == '0') {
		return 0, fmt.Errorf("page %q is not a number", s)
	}
	return PageNumber(n), nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
