package topology

import (
	"fmt"
	"strconv"
	"strings"

	"plumbline.dev/proto"
)

// Subjects without variable parts.
const (
	ExchangeService = "access.exchange.service"
	ExchangeUser    = "access.exchange.user"
	Statements      = "access.exchange.statement"
	Certs           = "access.certs"
	KeysCommands    = "access.keys"
	EntryKeysAsked  = "posture.keys"
)

// PageNumber is the number of a page within its account, counting from 0.
type PageNumber uint32

// PageRef identifies a page of one integration, the unit of batches, inputs and entries.
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
	holdRoot    = "posture.hold."
	deadRoot    = "posture.dead."
	probeRoot   = "posture.probe."
	commandRoot = "devices.command."
	answerRoot  = "devices.answer."
	accessRoot  = "access.log."
	loginRoot   = "access.probe."
	tokenRoot   = "access.token."
	auditRoot   = "audit."
	outboxRoot  = "outbox."
	testRoot    = "destination.test."
)

// Tick returns the subject of an integration's ticks.
func Tick(a proto.Account, integration proto.ID) string {
	return tickRoot + a.String() + "." + integration.String()
}

// Batch returns the subject of a page's API calls.
func Batch(p PageRef) string { return p.subject(batchRoot) }

// Batches matches every batch of an integration.
func Batches(a proto.Account, integration proto.ID) string {
	return batchRoot + a.String() + "." + integration.String() + ".*"
}

// Scores returns the subject of a page's inputs to the evaluator.
func Scores(p PageRef) string { return p.subject(scoresRoot) }

// Log returns the subject of a page's entries.
func Log(p PageRef) string { return p.subject(logRoot) }

// LogOf matches every entry of an account.
func LogOf(a proto.Account) string { return logRoot + a.String() + ".>" }

// LogOfIntegration matches every entry of an integration.
func LogOfIntegration(a proto.Account, integration proto.ID) string {
	return logRoot + a.String() + "." + integration.String() + ".*"
}

// LogOfPage matches every entry of a page, for all integrations.
func LogOfPage(a proto.Account, page PageNumber) string {
	return logRoot + a.String() + ".*." + strconv.FormatUint(uint64(page), 10)
}

// AllLogs matches every entry of every account.
const AllLogs = logRoot + ">"

// Change returns the subject of the devices of a page with a new outcome for a check.
func Change(a proto.Account, check proto.ID, outcome proto.Outcome, page PageNumber) string {
	return fmt.Sprintf("%s%s.%s.%s.%d", changeRoot, a, check, outcome, page)
}

// AllChanges matches every change of every account.
const AllChanges = changeRoot + ">"

// ChangesOf matches every change of an account.
func ChangesOf(a proto.Account) string { return changeRoot + a.String() + ".>" }

// ChangeFilter selects changes of an account. A nil member selects any.
type ChangeFilter struct {
	Check   *proto.ID
	Outcome *proto.Outcome
	Page    *PageNumber
}

// ChangesWith matches the changes of an account that a filter selects.
func ChangesWith(a proto.Account, f ChangeFilter) string {
	check, outcome, page := "*", "*", "*"
	if f.Check != nil {
		check = f.Check.String()
	}
	if f.Outcome != nil {
		outcome = f.Outcome.String()
	}
	if f.Page != nil {
		page = strconv.FormatUint(uint64(*f.Page), 10)
	}
	return changeRoot + a.String() + "." + check + "." + outcome + "." + page
}

// Hold returns the subject of notices about the holds of a check.
func Hold(h HoldRef) string {
	return holdRoot + h.Account.String() + "." + h.Integration.String() + "." + h.Check.String()
}

// AllHolds matches the notices about every hold of every account.
const AllHolds = holdRoot + "*.*.*"

// HoldsOf matches the notices about every hold of an account.
func HoldsOf(a proto.Account) string { return holdRoot + a.String() + ".*.*" }

// ParseHold parses the result of [Hold].
func ParseHold(subject string) (HoldRef, error) {
	rest, ok := strings.CutPrefix(subject, holdRoot)
	t := strings.Split(rest, ".")
	if !ok || len(t) != 3 {
		return HoldRef{}, fmt.Errorf("%q is not the subject of a hold", subject)
	}
	return parseHold(subject, t)
}

// Dead returns the subject of a stage's dead letters.
func Dead(stage string, a proto.Account) string { return deadRoot + stage + "." + a.String() }

// Probe returns the request subject of "Test and save".
func Probe(a proto.Account) string { return probeRoot + a.String() }

// AllProbes matches the probes of every account. Fetchers subscribe to it.
const AllProbes = probeRoot + "*"

// ProviderProbe returns the request subject for testing an identity provider.
func ProviderProbe(a proto.Account) string { return loginRoot + a.String() }

// AllProviderProbes matches the provider probes of every account. Gateways subscribe to it.
const AllProviderProbes = loginRoot + "*"

// DestinationTest returns the request subject for a test message to a destination.
func DestinationTest(a proto.Account) string { return testRoot + a.String() }

// AllDestinationTests matches the tests of destinations of every account. Dispatchers subscribe to it.
const AllDestinationTests = testRoot + "*"

// Command returns the subject of an account's inventory commands.
func Command(a proto.Account) string { return commandRoot + a.String() }

// CommandAnswers returns the prefix of the subjects on which a role receives the results of its commands. The
// registry may publish to these, but not to the role's inboxes.
func CommandAnswers(r Role) string { return answerRoot + string(r) }

// AccessLog returns the subject of an application's authentications.
func AccessLog(a proto.Account, app proto.ID) string {
	return accessRoot + a.String() + "." + app.String()
}

// AccessLogsOf matches every authentication of an account.
func AccessLogsOf(a proto.Account) string { return accessRoot + a.String() + ".*" }

// TokenNotice returns the subject of notices about the expiry of a service token.
func TokenNotice(a proto.Account, token proto.ID) string {
	return tokenRoot + a.String() + "." + token.String()
}

// TokenNoticesOf matches the notices about every service token of an account.
func TokenNoticesOf(a proto.Account) string { return tokenRoot + a.String() + ".*" }

// Audit returns the subject of an account's configuration changes.
func Audit(a proto.Account) string { return auditRoot + a.String() }

// Outbox returns the subject of the audit entry of a change, in the stream of the changed bucket. Both are stored in
// one batch, so no change lacks its entry. The entry is stored before the change, so the newest message of the stream
// always belongs to the bucket. It expires after [OutboxTTL].
func Outbox(bucket string, a proto.Account, event proto.ID) string {
	return outboxRoot + bucket + "." + a.String() + "." + event.String()
}

// ActionOutbox returns the subject of the audit entry of an action outside the buckets, in [AuditOutbox]. The entry
// is stored before the action, worded to be true even if the outcome is never reported, and replaced after the
// action.
func ActionOutbox(a proto.Account, event proto.ID) string { return Outbox(actions, a, event) }

// ParseOutbox returns the account and the event of an outbox subject.
func ParseOutbox(subject string) (proto.Account, proto.ID, error) {
	parts := strings.Split(subject, ".")
	if len(parts) != 4 || parts[0]+"." != outboxRoot {
		return proto.Account{}, proto.ID{}, fmt.Errorf("%q is not a subject of an outbox", subject)
	}
	a, err1 := proto.ParseAccount(parts[2])
	event, err2 := proto.ParseID(parts[3])
	if err := first(err1, err2); err != nil {
		return proto.Account{}, proto.ID{}, fmt.Errorf("subject %q: %w", subject, err)
	}
	return a, event, nil
}

// OutboxesOf matches the audit entries of an account's changes of a bucket.
func OutboxesOf(bucket string, a proto.Account) string {
	return outboxRoot + bucket + "." + a.String() + ".*"
}

// ActionOutboxesOf matches the audit entries of an account's actions outside the buckets.
func ActionOutboxesOf(a proto.Account) string { return OutboxesOf(actions, a) }

const actions = "ACTIONS"

func outboxes(of string) string { return outboxRoot + of + ".*.*" }

// ParsePage parses the subject of a batch, an input or an entry.
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

// ParseTick parses the subject of a tick.
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

// ChangeRef is the information in the subject of a change.
type ChangeRef struct {
	Account proto.Account
	Check   proto.ID
	Outcome proto.Outcome
	Page    PageNumber
}

// ParseChange parses the subject of a change.
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

// AccountOf returns the account in any subject or bucket key of the table, or the zero account if there is none. It
// finds the account of a dead letter even if the message is unreadable.
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
