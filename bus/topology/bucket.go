package topology

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"plumbline.dev/proto"
)

// The buckets.
const (
	Devices  = "DEVICES"  // pages, and the registry's cursor
	Config   = "CONFIG"   // integrations, checks, applications, policies, groups, identity providers, tags, organisation
	Tokens   = "TOKENS"   // service tokens and API tokens, by hash
	Keys     = "KEYS"     // sealed signing keys, and which of them signs
	Sessions = "SESSIONS" // logins, people, and what was used once
)

// Buckets are all of them.
func Buckets() []string { return []string{Devices, Config, Tokens, Keys, Sessions} }

// MaxSession bounds how long a person's session may last: its record is kept for longer.
const MaxSession = 30 * 24 * time.Hour

// BucketStream is the stream that a bucket is kept in.
func BucketStream(bucket string) string { return "KV_" + bucket }

// BucketSubject is the subject of a bucket's key; a wildcard key gives a filter.
func BucketSubject(bucket, key string) string { return "$KV." + bucket + "." + key }

// KeyOf is the key in a subject of a bucket's stream.
func KeyOf(bucket, subject string) (string, error) {
	key, ok := strings.CutPrefix(subject, "$KV."+bucket+".")
	if !ok {
		return "", fmt.Errorf("%q is not in bucket %s", subject, bucket)
	}
	return key, nil
}

// CursorKey is where the registry keeps how far it has come, in DEVICES.
const CursorKey = "cursor"

const pageKind = "page"

// PageKey is the key of a page's inventory record, in DEVICES.
func PageKey(a proto.Account, n PageNumber) string {
	return a.String() + "." + pageKind + "." + strconv.FormatUint(uint64(n), 10)
}

// PageKeys matches every page of an account; AllPageKeys of every account.
func PageKeys(a proto.Account) string { return a.String() + "." + pageKind + ".*" }

// AllPageKeys matches every page of every account.
const AllPageKeys = "*." + pageKind + ".*"

// ParsePageKey reads what PageKey writes.
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

// Kind is what a key of the CONFIG bucket holds.
type Kind string

// The kinds.
const (
	KindIntegration Kind = "integration"
	KindCheck       Kind = "check"
	KindApplication Kind = "app"
	KindPolicy      Kind = "policy"
	KindGroup       Kind = "group"
	KindIDP         Kind = "idp"
	KindTag         Kind = "tag" // its id is [TagID]
	// KindZone is a zone of an account; its id is [ZoneID].
	KindZone Kind = "zone"
	// KindOrganization has one record an account, whose id is [OrganizationID].
	KindOrganization Kind = "org"
	// KindClaim has nothing in it: its revisions put those in a row who want one thing at the same time. Its id is
	// [ClaimID]. That it is there says nothing; who has the thing does.
	KindClaim Kind = "claim"
)

// ConfigKey is the key of a configured resource, in CONFIG.
func ConfigKey(a proto.Account, kind Kind, id proto.ID) string {
	return a.String() + "." + string(kind) + "." + id.String()
}

// TagID is the id of an account's tag with a name: no two tags have one name.
func TagID(a proto.Account, name string) proto.ID { return proto.DeriveID(a, "tag "+name) }

// ClaimID is the id of the claim to something that only one resource of an account may have.
func ClaimID(a proto.Account, what string) proto.ID { return proto.DeriveID(a, "claim "+what) }

// ZoneID is the id of a zone's record: the zone's own bytes.
func ZoneID(zone proto.Account) proto.ID { return proto.ID(zone) }

// OrganizationID is the id of an account's organisation: the account's own bytes.
func OrganizationID(a proto.Account) proto.ID { return proto.ID(a) }

// ConfigKeys matches every resource of a kind, of every account.
func ConfigKeys(kind Kind) string { return "*." + string(kind) + ".*" }

// ConfigKeysOf matches every resource of a kind of one account.
func ConfigKeysOf(a proto.Account, kind Kind) string { return a.String() + "." + string(kind) + ".*" }

// ParseConfigKey reads what ConfigKey writes.
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

// ServiceTokenKey is the key of a service token, in TOKENS. The client id is what a request brings, so it
// is the key: it is "<32 hex>.access", of which the hex is used.
func ServiceTokenKey(a proto.Account, clientID string) (string, error) {
	hexa, ok := strings.CutSuffix(clientID, ".access")
	if b, err := hex.DecodeString(hexa); !ok || err != nil || len(b) != 16 {
		return "", fmt.Errorf("client id is not of the form <32 hex characters>.access")
	}
	return a.String() + ".service." + strings.ToLower(hexa), nil
}

// AllServiceTokenKeys matches the service tokens of every account.
const AllServiceTokenKeys = "*.service.*"

// TokenSeenKey is the key of when a service token was last used, in TOKENS.
func TokenSeenKey(a proto.Account, clientID string) (string, error) {
	key, err := ServiceTokenKey(a, clientID)
	return strings.Replace(key, ".service.", ".seen.", 1), err
}

// AllTokenSeenKeys matches when the service tokens of every account were last used.
const AllTokenSeenKeys = "*.seen.*"

// APITokenKey is the key of an API token, in TOKENS: the hash of what a request brings.
func APITokenKey(a proto.Account, secretHash []byte) string {
	return a.String() + ".api." + hex.EncodeToString(secretHash)
}

// APITokenUsedKey is the key of when an API token was last used, roughly, in TOKENS.
func APITokenUsedKey(a proto.Account, id proto.ID) string { return a.String() + ".used." + id.String() }

// AllAPITokenKeys matches the API tokens of every account.
const AllAPITokenKeys = "*.api.*"

// IsTokenKey reports whether a key of TOKENS is that of a token, and not of a note about one.
func IsTokenKey(key string) bool {
	t := strings.Split(key, ".")
	return len(t) == 3 && (t[1] == "service" || t[1] == "api")
}

// SigningKeyKey is the key of the n-th signing key, in KEYS. Whoever creates it wins; the others read it.
func SigningKeyKey(n uint64) string { return "signing." + strconv.FormatUint(n, 10) }

// SigningKeyKeys matches every signing key.
const SigningKeyKeys = "signing.*"

// ParseSigningKeyKey reads what SigningKeyKey writes.
func ParseSigningKeyKey(key string) (uint64, error) {
	text, ok := strings.CutPrefix(key, "signing.")
	n, err := strconv.ParseUint(text, 10, 64)
	if !ok || err != nil || SigningKeyKey(n) != key {
		return 0, fmt.Errorf("%q is not the key of a signing key", key)
	}
	return n, nil
}

// RotationKey is where KEYS says which signing key does what.
const RotationKey = "rotation"

// SessionKey is the key of a person's login, in SESSIONS.
func SessionKey(a proto.Account, nonce string) string { return a.String() + ".session." + nonce }

// AllSessionKeys matches the logins of every account.
const AllSessionKeys = "*.session.*"

// UserKey is the key of a person, in SESSIONS.
func UserKey(a proto.Account, user proto.ID) string { return a.String() + ".user." + user.String() }

// SessionKeysOf matches the logins of an account.
func SessionKeysOf(a proto.Account) string { return SessionKey(a, "*") }

// UserKeysOf matches the people of an account.
func UserKeysOf(a proto.Account) string { return a.String() + ".user.*" }

// AllUserKeys matches the people of every account.
const AllUserKeys = "*.user.*"

// UsedKey is the key that says that something which works once was used, in SESSIONS. It is named by a hash:
// who reads the bucket does not learn what was used.
func UsedKey(a proto.Account, hash [32]byte) string {
	return a.String() + ".used." + hex.EncodeToString(hash[:])
}

// AllUsedKeys matches those of every account.
const AllUsedKeys = "*.used.*"
