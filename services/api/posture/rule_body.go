package posture

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// ruleTypes are the types of api/README.md 6.2. Only custom_s2s is evaluated.
var ruleTypes = []string{
	"file", "application", "tanium", "gateway", "warp", "disk_encryption", "serial_number", "sentinelone", "carbonblack",
	"firewall", "os_version", "domain_joined", "client_certificate", "client_certificate_v2", "antivirus",
	"unique_client_id",
	"kolide", "tanium_s2s", "crowdstrike_s2s", "intune", "workspace_one", "sentinelone_s2s", proto.TypeCustomS2S,
}

var platforms = []string{"windows", "mac", "linux", "android", "ios", "chromeos"}

// readRule reads a whole rule into a check and keeps the body as sent. old is the check that it replaces, or nil.
func readRule(body v4.Object, check, old *proto.Check) error {
	var err error
	if check.Name, err = body.Line("name"); err != nil {
		return invalidRule("name must be text of at most %d bytes without control characters", v4.MaxName)
	}
	if check.Type, err = body.Text("type"); err != nil || !slices.Contains(ruleTypes, check.Type) {
		return invalidRule("type is required and must be one of Cloudflare's types, such as custom_s2s")
	}
	if _, err := body.Text("description"); err != nil {
		return invalidRule("description must be a string")
	}
	if _, err := ruleDuration(body, "schedule"); err != nil {
		return err
	}
	if check.Expiration, err = ruleDuration(body, "expiration"); err != nil {
		return err
	}
	if err := checkMatch(body); err != nil {
		return err
	}
	input, err := body.Member("input")
	if err != nil {
		return invalidRule("input must be an object")
	}
	if check.Type == proto.TypeCustomS2S {
		if err := readInput(input, check); err != nil {
			return err
		}
	}
	// Older clients parse these as integers, so whole numbers are written without a fraction.
	for _, name := range []string{"score", "total_score", "active_threats"} {
		if f, given, err := input.Number(name); err == nil && given && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			input[name] = strconv.AppendInt(nil, int64(f), 10)
		}
	}
	if input != nil {
		body.Set("input", input)
	}
	if err := readEnforcement(body, check, old); err != nil {
		return err
	}
	check.Sent = body.EncodeSanitized("id", "x_unsupported")
	return nil
}

// readInput reads the input of a custom_s2s rule (api/README.md 6.3). It drops the empty members that one client adds
// to every rule, because another client takes them for the type of the rule.
func readInput(input v4.Object, check *proto.Check) error {
	for name, v := range input {
		if v4.IsNull(v) || string(v) == "{}" {
			delete(input, name)
		}
	}
	connection, err := input.Text("connection_id")
	if err == nil {
		check.Integration, err = proto.ParseID(connection)
	}
	if err != nil || check.Integration.IsZero() {
		return invalidRule("input.connection_id must be the id of a posture integration")
	}
	operator, err := input.Text("operator")
	check.Operator = proto.Operator(operator)
	if _, known := check.Operator.Holds(0, 0); err != nil || !known {
		return invalidRule("input.operator must be one of <, <=, >, >=, ==")
	}
	score, given, err := input.Number("score")
	if err != nil || !given || score < 0 || score > 100 {
		return invalidRule("input.score must be a number from 0 to 100")
	}
	check.Score = score
	return nil
}

// maxRuleDuration bounds expirations and schedules.
const maxRuleDuration = 10 * 8760 * time.Hour

// ruleDuration parses a duration such as "1h"; absent, null and "" are 0.
func ruleDuration(body v4.Object, name string) (time.Duration, error) {
	text, err := body.Text(name)
	if err == nil && text == "" {
		return 0, nil
	}
	d, parseErr := time.ParseDuration(text)
	if err != nil || parseErr != nil || d < time.Second || d > maxRuleDuration {
		return 0, invalidRule(`%s must be a duration such as "30m" or "1h", at least 1s`, name)
	}
	return d, nil
}

func checkMatch(body v4.Object) error {
	if !body.Has("match") {
		return nil
	}
	var match []struct {
		Platform string `json:"platform"`
	}
	if json.Unmarshal(body["match"], &match) != nil {
		return invalidRule(`match must be a list such as [{"platform":"windows"}]`)
	}
	for _, m := range match {
		if m.Platform != "" && !slices.Contains(platforms, m.Platform) {
			return invalidRule("match.platform %q must be one of windows, mac, linux, android, ios, chromeos", m.Platform)
		}
	}
	return nil
}

func invalidRule(format string, args ...any) *v4.Error {
	return v4.Errorf(http.StatusBadRequest, v4.CodeRule, "invalid posture rule request: "+format, args...)
}
