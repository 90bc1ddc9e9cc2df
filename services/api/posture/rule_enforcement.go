package posture

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/breaker"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// setting is a member of a rule that decides how its outcomes are enforced. A PUT without it keeps the stored value, so
// that a client that does not know it never removes it; null resets it.
type setting struct {
	name string
	// read reads the member into a check; absent and null are the default.
	read func(v4.Object, *proto.Check) error
	// same reports whether two checks have an equal value.
	same func(a, b *proto.Check) bool
	// schema describes the member.
	schema func() openapi.Schema
}

// settings returns the members of a rule for enforcement, by name.
func settings() []setting {
	return []setting{
		{breaker.Member, readBreaker,
			func(a, b *proto.Check) bool { return a.Breaker.Equal(b.Breaker) }, breaker.Schema},
		{"x_grace", readGrace, func(a, b *proto.Check) bool { return a.Grace == b.Grace }, func() openapi.Schema {
			return openapi.Text().Describe(`Time for which a device that changes to fail keeps its pass, such as "36h" or ` +
				`"14d": 0 to 365 days. Default 0.`).OrNull()
		}},
		{"x_mode", readMode, func(a, b *proto.Check) bool { return a.Mode == b.Mode }, func() openapi.Schema {
			return openapi.Enum(proto.ModeEnforce, proto.ModeObserve).Describe("In observe mode every outcome is pass, and " +
				"the observed outcome is recorded beside it. Default enforce.").OrNull()
		}},
		{"x_recover_score", readRecoverScore,
			func(a, b *proto.Check) bool { return equalPointers(a.RecoverScore, b.RecoverScore) }, func() openapi.Schema {
				return openapi.Number().Describe("Score that a failing device is compared with in place of input.score. It " +
					"must be stricter than input.score. Default null: input.score.").OrNull()
			}},
		{"x_remediation", readRemediation,
			func(a, b *proto.Check) bool { return a.Remediation == b.Remediation }, func() openapi.Schema {
				return openapi.Text().With("maxLength", proto.MaxRemediation).Describe("Text for users with a failing device, " +
					"shown on the deny page: plain text or Markdown without HTML.").OrNull()
			}},
	}
}

func equalPointers[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// readEnforcement reads the members for enforcement of a body into a check. Members that are absent are taken over from
// old, which is nil for a new check; members that are null are removed.
func readEnforcement(body v4.Object, check, old *proto.Check) error {
	_, sent := body["x_recover_score"]
	if old != nil {
		for name, stored := range inEffect(old) {
			if _, sent := body[name]; !sent {
				body[name] = stored
			}
		}
	}
	for _, s := range settings() {
		if v4.IsNull(body[s.name]) {
			delete(body, s.name)
		} else if err := s.read(body, check); err != nil {
			return invalidRule("%s", err)
		}
	}
	checked := *check
	if sent && check.RecoverScore != nil && check.Type != proto.TypeCustomS2S {
		return invalidRule("x_recover_score needs the type %s: omit it, or send null", proto.TypeCustomS2S)
	}
	if !sent && recoverIgnored(check) {
		checked.RecoverScore = nil // kept, see noticeRecoverScore
	}
	if err := checked.ValidateEnforcement(); err != nil {
		return invalidRule("%s", err)
	}
	return nil
}

// inEffect returns the stored members for enforcement of a check that have an effect. A rule stored by a version that
// did not have such a member may have one of the same name, as an unknown member without an effect.
func inEffect(c *proto.Check) v4.Object {
	all := v4.Object{}
	if !bytes.Contains(c.Sent, []byte(`"x_`)) {
		return all
	}
	sent := v4.Decode(c.Sent)
	for _, s := range settings() {
		var read proto.Check
		if sent.Has(s.name) && s.read(sent, &read) == nil && s.same(&read, c) {
			all[s.name] = sent[s.name]
		}
	}
	return all
}

// withoutStale returns the stored body of a check without the members for enforcement that have no effect.
func withoutStale(c *proto.Check) json.RawMessage {
	if !bytes.Contains(c.Sent, []byte(`"x_`)) {
		return c.Sent
	}
	body, effective := v4.Decode(c.Sent), inEffect(c)
	for _, s := range settings() {
		if !effective.Has(s.name) {
			delete(body, s.name)
		}
	}
	return body.Encode()
}

func readBreaker(body v4.Object, c *proto.Check) (err error) {
	c.Breaker, err = breaker.Read(body)
	return err
}

func readGrace(body v4.Object, c *proto.Check) error {
	text, err := body.Text("x_grace")
	d, parseErr := v4.ParseDuration(text)
	if err != nil || text != "" && parseErr != nil || d < 0 || d > proto.MaxGrace {
		return fmt.Errorf(`x_grace must be a duration from 0s to 365d, such as "36h" or "14d"`)
	}
	c.Grace = d.Truncate(time.Millisecond)
	return nil
}

func readMode(body v4.Object, c *proto.Check) error {
	text, err := body.Text("x_mode")
	c.Mode = proto.Mode(text)
	if err != nil || c.Mode != proto.ModeEnforce && c.Mode != proto.ModeObserve {
		return fmt.Errorf("x_mode must be %q or %q", proto.ModeEnforce, proto.ModeObserve)
	}
	return nil
}

func readRecoverScore(body v4.Object, c *proto.Check) error {
	score, given, err := body.Number("x_recover_score")
	if err != nil || !given || score < 0 || score > 100 {
		return fmt.Errorf("x_recover_score must be a number from 0 to 100, or null")
	}
	c.RecoverScore = &score
	return nil
}

func readRemediation(body v4.Object, c *proto.Check) error {
	text, err := body.Text("x_remediation")
	if err != nil {
		return fmt.Errorf("x_remediation must be a string of at most %d characters", proto.MaxRemediation)
	}
	if strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t'
	}) {
		return fmt.Errorf("x_remediation must have no control characters except line breaks and tabs")
	}
	c.Remediation = text
	return nil
}

// recoverIgnored reports whether the recover score of a check is not stricter than its score, and has no effect.
func recoverIgnored(c *proto.Check) bool {
	return c.RecoverScore != nil && !c.Operator.Stricter(*c.RecoverScore, c.Score)
}

// codeRecoverScore is the code of a message, not of an error.
const codeRecoverScore = 6027

// noticeRecoverScore returns a message if a change of the score made the stored recover score ineffective.
func noticeRecoverScore(c *proto.Check) []v4.Notice {
	if !recoverIgnored(c) {
		return nil
	}
	return []v4.Notice{{Code: codeRecoverScore, Message: fmt.Sprintf("x_recover_score %v is kept and has no effect, "+
		"because it is not stricter than the score: set another x_recover_score, or null", *c.RecoverScore)}}
}
