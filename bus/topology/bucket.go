package topology

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"plumbline.dev/proto"
)

// The names of the buckets.
const (
	Devices = "DEVICES" // pages, and the registry's cursor
	// integrations, checks, applications, policies, groups, identity providers, tags, organization
	Config = "CONFIG"
	Tokens = "TOKENS" // service tokens and API tokens, by hash
	// TokenUses holds the last uses of service tokens. It is apart from [Tokens] because gateways write it: a writer of
	// a stream with atomic batches can keep all of the batches that the server allows the stream open.
	TokenUses = "TOKEN_USES"
	Keys      = "KEYS" // sealed signing keys and their roles
	// EntryKeys holds the sealed keys that sign entries. It is apart from [Keys] because the evaluator reads and writes
	// it, and nobody else.
	EntryKeys = "ENTRY_KEYS"
	Sessions  = "SESSIONS" // logins, users, and used one-time values
	Holds     = "HOLDS"    // holds of checks
	// PolicyTests holds the tests of policies and their results, for [PolicyTestsKept] and up to
	// [PolicyTestsMaxBytes].
	PolicyTests = "POLICY_TESTS"
	Deliveries  = "DELIVERIES" // states of the deliveries to destinations
)

// Buckets returns the names of all buckets.
func Buckets() []string {
	return []string{Devices, Config, Tokens, TokenUses, Keys, EntryKeys, Sessions, Holds, PolicyTests,
		Deliveries}
}

// MaxSession is the longest duration of a user's session. User records are kept longer.
const MaxSession = 30 * 24 * time.Hour

// BucketStream returns the name of a bucket's stream.
func BucketStream(bucket string) string { return "KV_" + bucket }

// BucketSubject returns the subject of a bucket's key, or a filter if the key contains wildcards.
func BucketSubject(bucket, key string) string { return "$KV." + bucket + "." + key }

// KeyOf returns the key in a subject of a bucket's stream.
func KeyOf(bucket, subject string) (string, error) {
	key, ok := strings.CutPrefix(subject, "$KV."+bucket+".")
	if !ok {
		return "", fmt.Errorf("%q is not in bucket %s", subject, bucket)
	}
	return key, nil
}

// CursorKey is the key of the registry's position, in DEVICES.
const CursorKey = "cursor"

const pageKind = "page"

// PageKey returns the key of a page's inventory record, in DEVICES.
func PageKey(a proto.Account, n PageNumber) string {
	return a.String() + "." + pageKind + "." + strconv.FormatUint(uint64(n), 10)
}

// PageKeys matches every page of an account.
func PageKeys(a proto.Account) string { return a.String() + "." + pageKind + ".*" }

// AllPageKeys matches every page of every account.
const AllPageKeys = "*." + pageKind + ".*"

// ParsePageKey parses the result of [PageKey].
func ParsePageKey(key string) (proto.Account, PageNumber, error) {
	t := strings.Split(key, ".")
	if len(t) != 3 || t[1] != pageKind {
		return proto.Account{}, 0, fmt.Errorf("%q is not the key of a page", key)
	}
	a, err1 := proto.ParseAccount(t[0])
	n, err2 := parsePageNumber(t[2])
	if err := first(err1, err2); err != nil {
		return proto.Account{}, 0, fmt.Errorf("key %q: %w", key, err)
	}
	return a, n, nil
}

// Kind is the kind of a resource in the CONFIG bucket.
type Kind string

// The kinds of resources.
const (
	KindIntegration Kind = "integration"
	KindCheck       Kind = "check"
	KindApplication Kind = "app"
	KindPolicy      Kind = "policy"
	KindGroup       Kind = "group"
	KindIDP         Kind = "idp"
	KindTag         Kind = "tag" // its id is the result of [TagID]
	// KindZone is a zone of an account; its id is the result of [ZoneID].
	KindZone Kind = "zone"
	// KindOrganization has one record per account; its id is the result of [OrganizationID].
	KindOrganization Kind = "org"
	// KindReservation is an empty record, stored as "claim"; its id is the result of [ReservationID]. Writing it with
	// an expected revision serializes concurrent requests for the same unique value. Its existence has no meaning: the
	// value belongs to the resource holding it.
	KindReservation Kind = "claim"
	// KindExemption is an exemption of a device from one check or all of them.
	KindExemption Kind = "exemption"
	// KindMember is a person with roles in an account; its id is the result of [MemberID].
	KindMember Kind = "member"
	// KindDestination is a system that receives events.
	KindDestination Kind = "destination"
	// KindRevocation ends the sessions of a person that began before a time; its id is the result of
	// [EmailRevocationID] or [UserRevocationID].
	KindRevocation Kind = "revocation"
)

// Kinds returns all kinds.
func Kinds() []Kind {
	return []Kind{KindIntegration, KindCheck, KindApplication, KindPolicy, KindGroup, KindIDP, KindTag, KindZone,
		KindOrganization, KindReservation, KindExemption, KindMember, KindDestination,
		KindRevocation}
}

// KeyPatterns returns filters, one for each kind of key that a bucket has.
func KeyPatterns(bucket string) []string {
	switch bucket {
	case Devices:
		return []string{AllPageKeys, CursorKey}
	case Config:
		var all []string
		for _, k := range Kinds() {
			all = append(all, ConfigKeys(k))
		}
		return all
	case Tokens:
		return []string{AllServiceTokenKeys, AllAPITokenKeys, AllAPITokenUsedKeys}
	case TokenUses:
		return []string{AllTokenSeenKeys}
	case Keys:
		return []string{SigningKeyKeys, RotationKey}
	case EntryKeys:
		return []string{AllEntryKeyKeys}
	case Sessions:
		return []string{AllSessionKeys, AllUserKeys, AllUsedKeys}
	case Holds:
		return []string{AllHoldKeys}
	case PolicyTests:
		return []string{AllPolicyTestKeys, AllPolicyTestUserKeys}
	case Deliveries:
		return []string{AllDeliveryKeys}
	}
	return nil
}

// ConfigKey returns the key of a configured resource, in CONFIG.
func ConfigKey(a proto.Account, kind Kind, id proto.ID) string {
	return a.String() + "." + string(kind) + "." + id.String()
}

// TagID returns the id of an account's tag. It is derived from the name, so names are unique.
func TagID(a proto.Account, name string) proto.ID { return proto.DeriveID(a, "tag "+name) }

// MemberID returns the id of an account's member. It is derived from the e-mail address, whatever the case of its ASCII
// letters, so addresses are unique.
func MemberID(a proto.Account, email string) proto.ID {
	return proto.DeriveID(a, "member "+strings.ToLower(email))
}

// EmailRevocationID returns the id of the revocation of the sessions with an e-mail address, whatever the case of its
// letters.
func EmailRevocationID(a proto.Account, email string) proto.ID {
	return proto.DeriveID(a, "revocation email "+strings.ToLower(email))
}

// UserRevocationID returns the id of the revocation of the sessions of a user.
func UserRevocationID(a proto.Account, user proto.ID) proto.ID {
	return proto.DeriveID(a, "revocation user "+user.String())
}

// ReservationID returns the id of the reservation of a value unique within an account.
func ReservationID(a proto.Account, what string) proto.ID { return proto.DeriveID(a, "claim "+what) }

// ZoneID returns the id of a zone's record: the bytes of the zone itself.
func ZoneID(zone proto.Account) proto.ID { return proto.ID(zone) }

// OrganizationID returns the id of an account's organization: the bytes of the account itself.
func OrganizationID(a proto.Account) proto.ID { return proto.ID(a) }

// ConfigKeys matches every resource of a kind, in every account.
func ConfigKeys(kind Kind) string { return "*." + string(kind) + ".*" }

// ConfigKeysOf matches every resource of a kind in one account.
func ConfigKeysOf(a proto.Account, kind Kind) string { return a.String() + "." + string(kind) + ".*" }

// ParseConfigKey parses the result of [ConfigKey].
func ParseConfigKey(key string) (proto.Account, Kind, proto.ID, error) {
	t := strings.Split(key, ".")
	if len(t) != 3 {
		return proto.Account{}, "", proto.ID{}, fmt.Errorf("%q is not a key of %s", key, Config)
	}
	a, err1 := proto.ParseAccount(t[0])
	id, err2 := proto.ParseID(t[2])
	if err := first(err1, err2); err != nil {
		return proto.Account{}, "", proto.ID{}, fmt.Errorf("key %q: %w", key, err)
	}
	return a, Kind(t[1]), id, nil
}

// ServiceTokenKey returns the key of a service token, in TOKENS. The key contains the client id, because requests are
// looked up by it. A client id has the form "<32 hex>.access"; the key has only the hex part.
func ServiceTokenKey(a proto.Account, clientID string) (string, error) {
	hexa, ok := strings.CutSuffix(clientID, ".access")
	if b, err := hex.DecodeString(hexa); !ok || err != nil || len(b) != 16 {
		return "", fmt.Errorf("client id is not of the form <32 hex characters>.access")
	}
	return a.String() + ".service." + strings.ToLower(hexa), nil
}

// AllServiceTokenKeys matches the service tokens of every account.
const AllServiceTokenKeys = "*.service.*"

// TokenSeenKey returns the key of the time of a service token's last use, in TOKEN_USES.
func TokenSeenKey(a proto.Account, clientID string) (string, error) {
	key, err := ServiceTokenKey(a, clientID)
	return SeenKeyOf(key), err
}

// SeenKeyOf returns the key in TOKEN_USES that belongs to the key of a service token in TOKENS.
func SeenKeyOf(token string) string { return strings.Replace(token, ".service.", ".seen.", 1) }

// AllTokenSeenKeys matches the times of last use of all service tokens, in every account.
const AllTokenSeenKeys = "*.seen.*"

// APITokenKey returns the key of an API token, in TOKENS. It contains the hash of the secret.
func APITokenKey(a proto.Account, secretHash []byte) string {
	return a.String() + ".api." + hex.EncodeToString(secretHash)
}

// APITokenUsedKey returns the key of the approximate time of an API token's last use, in TOKENS.
func APITokenUsedKey(a proto.Account, id proto.ID) string { return a.String() + ".used." + id.String() }

// AllAPITokenUsedKeys matches when the API tokens of every account were last used.
const AllAPITokenUsedKeys = "*.used.*"

// AllAPITokenKeys matches the API tokens of every account.
const AllAPITokenKeys = "*.api.*"

// IsTokenKey reports whether a key of TOKENS belongs to a token rather than to a time of last use.
func IsTokenKey(key string) bool {
	t := strings.Split(key, ".")
	return len(t) == 3 && (t[1] == "service" || t[1] == "api")
}

// SigningKeyKey returns the key of the n-th signing key, in KEYS. The first replica to create it wins; the others
// read it.
func SigningKeyKey(n uint64) string { return "signing." + strconv.FormatUint(n, 10) }

// SigningKeyKeys matches every signing key.
const SigningKeyKeys = "signing.*"

// ParseSigningKeyKey parses the result of [SigningKeyKey].
func ParseSigningKeyKey(key string) (uint64, error) {
	text, ok := strings.CutPrefix(key, "signing.")
	n, err := strconv.ParseUint(text, 10, 64)
	if !ok || err != nil || SigningKeyKey(n) != key {
		return 0, fmt.Errorf("%q is not the key of a signing key", key)
	}
	return n, nil
}

// RotationKey is the key of the record assigning roles to the signing keys, in KEYS.
const RotationKey = "rotation"

// EntryKeyKey returns the key of the n-th key that signs entries, in ENTRY_KEYS. The first replica to create it wins.
func EntryKeyKey(n uint64) string { return entryKeyRoot + strconv.FormatUint(n, 10) }

// AllEntryKeyKeys matches every key that signs entries.
const AllEntryKeyKeys = entryKeyRoot + "*"

const entryKeyRoot = "key."

// ParseEntryKeyKey parses the result of [EntryKeyKey].
func ParseEntryKeyKey(key string) (uint64, error) {
	text, ok := strings.CutPrefix(key, entryKeyRoot)
	n, err := strconv.ParseUint(text, 10, 64)
	if !ok || err != nil || EntryKeyKey(n) != key {
		return 0, fmt.Errorf("%q is not the key of a key that signs entries", key)
	}
	return n, nil
}

// SessionKey returns the key of a user's login, in SESSIONS.
func SessionKey(a proto.Account, nonce string) string { return a.String() + ".session." + nonce }

// AllSessionKeys matches the logins of every account.
const AllSessionKeys = "*.session.*"

// UserKey returns the key of a user, in SESSIONS.
func UserKey(a proto.Account, user proto.ID) string { return a.String() + ".user." + user.String() }

// SessionKeysOf matches the logins of an account.
func SessionKeysOf(a proto.Account) string { return SessionKey(a, "*") }

// UserKeysOf matches the users of an account.
func UserKeysOf(a proto.Account) string { return a.String() + ".user.*" }

// AllUserKeys matches the users of every account.
const AllUserKeys = "*.user.*"

// UsedKey returns the key marking a one-time value as used, in SESSIONS. It contains a hash, so readers of the bucket
// do not learn the value.
func UsedKey(a proto.Account, hash [32]byte) string {
	return a.String() + ".used." + hex.EncodeToString(hash[:])
}

// AllUsedKeys matches the used one-time values of every account.
const AllUsedKeys = "*.used.*"

// HoldKey returns the key of the newest hold of a check over an integration, in HOLDS.
func HoldKey(a proto.Account, integration, check proto.ID) string {
	return a.String() + "." + integration.String() + "." + check.String()
}

// AllHoldKeys matches the holds of every account.
const AllHoldKeys = "*.*.*"

// HoldKeysOf matches the holds of an account.
func HoldKeysOf(a proto.Account) string { return a.String() + ".*.*" }

// ParseHoldKey parses the result of [HoldKey].
func ParseHoldKey(key string) (HoldRef, error) {
	t := strings.Split(key, ".")
	if len(t) != 3 {
		return HoldRef{}, fmt.Errorf("%q is not the key of a hold", key)
	}
	return parseHold(key, t)
}

// HoldRef identifies a check over an integration.
type HoldRef struct {
	Account            proto.Account
	Integration, Check proto.ID
}

func parseHold(text string, t []string) (HoldRef, error) {
	a, err1 := proto.ParseAccount(t[0])
	i, err2 := proto.ParseID(t[1])
	c, err3 := proto.ParseID(t[2])
	if err := first(err1, err2, err3); err != nil {
		return HoldRef{}, fmt.Errorf("hold %q: %w", text, err)
	}
	return HoldRef{Account: a, Integration: i, Check: c}, nil
}

// Bounds of POLICY_TESTS. The oldest records go first when it is full.
const (
	PolicyTestsKept     = 24 * time.Hour // after its last change, a record is deleted
	PolicyTestsMaxBytes = 256 << 20
)

// PolicyTestKey returns the key of a policy test, in POLICY_TESTS.
func PolicyTestKey(a proto.Account, test proto.ID) string {
	return a.String() + ".test." + test.String()
}

// AllPolicyTestKeys matches the policy tests of every account.
const AllPolicyTestKeys = "*.test.*"

// PolicyTestUsersKey returns the key of the n-th part of a policy test's results, in POLICY_TESTS.
func PolicyTestUsersKey(a proto.Account, test proto.ID, n int) string {
	return a.String() + ".users." + test.String() + "." + strconv.Itoa(n)
}

// AllPolicyTestUserKeys matches the results of the policy tests of every account.
const AllPolicyTestUserKeys = "*.users.*.*"

// DeliveryKey returns the key of the state of a destination's deliveries, in DELIVERIES.
func DeliveryKey(a proto.Account, destination proto.ID) string {
	return a.String() + "." + destination.String()
}

// AllDeliveryKeys matches the deliveries of every account.
const AllDeliveryKeys = "*.*"

// ParseDeliveryKey parses the result of [DeliveryKey].
func ParseDeliveryKey(key string) (proto.Account, proto.ID, error) {
	account, id, _ := strings.Cut(key, ".")
	a, err1 := proto.ParseAccount(account)
	d, err2 := proto.ParseID(id)
	if err := first(err1, err2); err != nil {
		return proto.Account{}, proto.ID{}, fmt.Errorf("%q is not the key of deliveries: %w", key, err)
	}
	return a, d, nil
}
