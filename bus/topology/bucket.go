package topology

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"plumbline.dev/proto"
)

// The buckets.
const (
	Devices = "DEVICES" // pages, and the registry's cursor
	Config  = "CONFIG"  // integrations, checks, applications, policies
	Tokens  = "TOKENS"  // service tokens and API tokens, by hash
	Keys    = "KEYS"    // sealed signing keys
)

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
)

// ConfigKey is the key of a configured resource, in CONFIG.
func ConfigKey(a proto.Account, kind Kind, id proto.ID) string {
	return a.String() + "." + string(kind) + "." + id.String()
}

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

// APITokenKey is the key of an API token, in TOKENS: the hash of what a request brings.
func APITokenKey(a proto.Account, secretHash []byte) string {
	return a.String() + ".api." + hex.EncodeToString(secretHash)
}

// AllAPITokenKeys matches the API tokens of every account.
const AllAPITokenKeys = "*.api.*"

// SigningKeyKey is the key of the n-th signing key, in KEYS. Whoever creates it wins; the others read it.
func SigningKeyKey(n uint64) string { return "signing." + strconv.FormatUint(n, 10) }

// SigningKeyKeys matches every signing key.
const SigningKeyKeys = "signing.*"
