package proto

import (
	"encoding/json"
	"time"
)

// The records of the CONFIG bucket. Besides the fields for services, each record keeps the client's JSON for the API to
// echo (api/README.md 1.7). The key's revision is the record's.

// TypeCustomS2S is the only type of integration and check this build polls and evaluates.
const TypeCustomS2S = "custom_s2s"

// Integration is one scoring API with its credentials and its interval.
type Integration struct {
	ID       ID            `msgpack:"id"`
	Name     string        `msgpack:"name"`
	Type     string        `msgpack:"type"`
	Interval time.Duration `msgpack:"interval"`
	// IntervalText is the interval as it was sent: "10m", "12h".
	IntervalText string `msgpack:"interval_text"`
	APIURL       string `msgpack:"api_url"`
	ClientID     string `msgpack:"client_id"`
	// SealedSecret is the Client Secret, sealed to the fetchers with the integration's id inside.
	SealedSecret []byte `msgpack:"sealed_secret"`
	// Schedule counts the changes with an immediate poll: of URL, credentials or interval, and each resumption.
	// ScheduledAt is the time of the last one.
	Schedule    uint64 `msgpack:"schedule"`
	ScheduledAt Millis `msgpack:"scheduled_at"`
	Paused      bool   `msgpack:"paused"`
	// Concurrency bounds the calls under way at once, over all fetchers; 0 means [DefaultConcurrency].
	Concurrency int    `msgpack:"concurrency"`
	CreatedAt   Millis `msgpack:"created_at"`
	UpdatedAt   Millis `msgpack:"updated_at"`
	// Config is the config object as sent, without its secrets, for a type this build only keeps.
	Config json.RawMessage `msgpack:"config"`
}

// DefaultConcurrency is how many calls to one scoring API are under way at once, unless it says otherwise;
// MaxConcurrency is the most it may say.
const (
	DefaultConcurrency = 8
	MaxConcurrency     = 256
)

// Limit is the integration's concurrency with its default.
func (i *Integration) Limit() int {
	if i.Concurrency <= 0 {
		return DefaultConcurrency
	}
	return min(i.Concurrency, MaxConcurrency)
}

// Polled reports whether fetchers call this integration at all.
func (i *Integration) Polled() bool { return i.Type == TypeCustomS2S && !i.Paused }

// Schema implements Message.
func (*Integration) Schema() Schema { return Schema{"integration", 1} }

// Check is a posture rule. For [TypeCustomS2S] a device passes when its score stands in the relation
// Operator to Score.
type Check struct {
	ID          ID       `msgpack:"id"`
	Name        string   `msgpack:"name"`
	Type        string   `msgpack:"type"`
	Integration ID       `msgpack:"integration"` // zero for a type without one
	Operator    Operator `msgpack:"operator"`
	Score       float64  `msgpack:"score"`
	// Expiration is how long a score counts; 0 until newer data comes.
	Expiration time.Duration `msgpack:"expiration"`
	// RecoverScore, unless nil, is what a failing device's score is compared with in place of Score.
	RecoverScore *float64 `msgpack:"recover_score"`
	Mode         Mode     `msgpack:"mode"`
	// Grace is how long a device that changes to fail keeps its pass.
	Grace time.Duration `msgpack:"grace"`
	// Breaker has the check's own settings; nil: none (see [BreakerOf]).
	Breaker *BreakerSettings `msgpack:"breaker"`
	// Remediation tells users how to make the device pass, as plain text or Markdown.
	Remediation string `msgpack:"remediation"`
	CreatedAt   Millis `msgpack:"created_at"`
	UpdatedAt   Millis `msgpack:"updated_at"`
	// Sent is the rule as the client sent it.
	Sent json.RawMessage `msgpack:"sent"`
}

// Schema implements Message.
func (*Check) Schema() Schema { return Schema{"check", 1} }

// Operator relates a device's score to a check's: one of < <= > >= == (api/README.md 6.3).
type Operator string

// The operators.
const (
	OpLess         Operator = "<"
	OpLessEqual    Operator = "<="
	OpGreater      Operator = ">"
	OpGreaterEqual Operator = ">="
	OpEqual        Operator = "=="
)

// Holds reports whether the score stands in the relation to the threshold; ok is false for an unknown operator.
func (op Operator) Holds(score int, threshold float64) (holds, ok bool) {
	s := float64(score)
	switch op {
	case OpLess:
		return s < threshold, true
	case OpLessEqual:
		return s <= threshold, true
	case OpGreater:
		return s > threshold, true
	case OpGreaterEqual:
		return s >= threshold, true
	case OpEqual:
		return s == threshold, true
	}
	return false, false
}

// Immediately is the duration of a session with a session_duration of "0s": long enough for a browser to return with
// its cookie. A shorter one would redirect the browser to the login for ever.
const Immediately = 5 * time.Second

// Application is a protected application. Application tokens are issued for it.
type Application struct {
	ID   ID     `msgpack:"id"`
	AUD  string `msgpack:"aud"` // 64 hex characters, stable for the application's life
	Name string `msgpack:"name"`
	Type string `msgpack:"type"`
	// Domains are its public destinations: host, host:port or host/path, wildcards as Cloudflare has them.
	Domains []string `msgpack:"domains"`
	// SessionDuration limits the life of its tokens; 0 means unset. [Immediately] stands for tokens that expire at
	// once.
	SessionDuration time.Duration `msgpack:"session_duration"`
	// OriginURL is the origin for admitted requests; empty if the application is served elsewhere.
	OriginURL string       `msgpack:"origin_url"`
	Policies  []PolicyLink `msgpack:"policies"` // by precedence
	CreatedAt Millis       `msgpack:"created_at"`
	UpdatedAt Millis       `msgpack:"updated_at"`
	// Sent is the application as the client sent it, policies left out.
	Sent json.RawMessage `msgpack:"sent"`
	// Gate holds the settings of the gateway besides the decision.
	Gate Gate `msgpack:"gate"`
	// Zone is the namespace it was created in; zero means none.
	Zone Account `msgpack:"zone"`
}

// Gate holds the members of an application served by the gateway (api/README.md 3.3). The zero value has the defaults.
type Gate struct {
	// TokenHeader is read_service_tokens_from_header; empty: service credentials come in two headers.
	TokenHeader string `msgpack:"token_header"`
	// Refuse401 is service_auth_401_redirect.
	Refuse401 bool `msgpack:"refuse_401"`
	// IDPs are the providers allowed for logins; none means every provider.
	IDPs []ID `msgpack:"idps"`
	// AutoRedirect is auto_redirect_to_identity: a single provider is not asked about.
	AutoRedirect bool `msgpack:"auto_redirect"`
	// OptionsBypass is options_preflight_bypass.
	OptionsBypass bool  `msgpack:"options_bypass"`
	CORS          *CORS `msgpack:"cors"` // nil: the origin answers preflight requests
	// The attributes of the CF_Authorization cookie. SameSite is lax, strict, none, or empty for none.
	CookieScripts bool   `msgpack:"cookie_scripts"` // not HttpOnly
	CookiePath    bool   `msgpack:"cookie_path"`    // bound to the application's path
	CookieBinding bool   `msgpack:"cookie_binding"` // enable_binding_cookie
	SameSite      string `msgpack:"same_site"`
	// DenyMessage is the text of the deny page. If a URL is set, denied users are redirected to it instead.
	DenyMessage        string `msgpack:"deny_message"`
	DenyURL            string `msgpack:"deny_url"`
	NonIdentityDenyURL string `msgpack:"non_identity_deny_url"`
	// RevokedAt voids every token of the application issued before it (revoke_tokens).
	RevokedAt Millis `msgpack:"revoked_at"`
}

// CORS is how the gateway answers preflight requests for an application.
type CORS struct {
	AllHeaders  bool     `msgpack:"all_headers"`
	AllMethods  bool     `msgpack:"all_methods"`
	AllOrigins  bool     `msgpack:"all_origins"`
	Credentials bool     `msgpack:"credentials"`
	Headers     []string `msgpack:"headers"`
	Methods     []string `msgpack:"methods"`
	Origins     []string `msgpack:"origins"`
	MaxAge      int      `msgpack:"max_age"` // seconds; -1: not to be kept; 0: not said
}

// PolicyLink is a policy's place in an application.
type PolicyLink struct {
	Policy     ID  `msgpack:"policy"`
	Precedence int `msgpack:"precedence"`
}

// Schema implements Message.
func (*Application) Schema() Schema { return Schema{"application", 1} }

// Decision is the action of a policy for matching requests.
type Decision string

// The decisions (api/README.md 4.2).
const (
	DecisionAllow       Decision = "allow"
	DecisionDeny        Decision = "deny"
	DecisionNonIdentity Decision = "non_identity" // Service Auth
	DecisionBypass      Decision = "bypass"
)

// Policy is a decision and its rules.
type Policy struct {
	ID       ID       `msgpack:"id"`
	Name     string   `msgpack:"name"`
	Decision Decision `msgpack:"decision"`
	// Owner is the application it belongs to and is deleted with; zero for a reusable policy.
	Owner   ID     `msgpack:"owner"`
	Include []Rule `msgpack:"include"`
	Exclude []Rule `msgpack:"exclude"`
	Require []Rule `msgpack:"require"`
	// SessionDuration, unless 0, replaces the application's.
	SessionDuration time.Duration `msgpack:"session_duration"`
	CreatedAt       Millis        `msgpack:"created_at"`
	UpdatedAt       Millis        `msgpack:"updated_at"`
	// Sent is the policy as the client sent it.
	Sent json.RawMessage `msgpack:"sent"`
	// Unmet are the members of an Allow policy with demands beyond its rules that this build cannot meet, such as
	// approval_required. Such a policy admits no one.
	Unmet []string `msgpack:"unmet"`
}

// Schema implements Message.
func (*Policy) Schema() Schema { return Schema{"policy", 1} }

// Rule is one rule object (api/README.md 4.3): the selector is its only key, the body its value.
type Rule struct {
	Selector string          `msgpack:"selector"`
	Body     json.RawMessage `msgpack:"body"`
}
