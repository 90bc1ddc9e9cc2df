package proto

import "github.com/vmihailenco/msgpack/v5"

// TokenState is the state of a service token in a [TokenNotice].
type TokenState string

// The states of a notice.
const (
	TokenExpiring TokenState = "expiring" // within a week
	TokenExpired  TokenState = "expired"
	TokenIdle     TokenState = "turned_off_inactive" // by the organisation's setting
	TokenRemoved  TokenState = "deleted_inactive"    // by the organisation's setting
)

// TokenNotice is the message, on access.token.<account>.<token>, that a service token is about to stop working or has
// stopped. There is one for each state and expiry of a token.
type TokenNotice struct {
	Account   Account
	At        Millis
	Token     ID
	ClientID  string
	Name      string
	State     TokenState
	ExpiresAt Millis
}

// Schema implements Message.
func (*TokenNotice) Schema() Schema { return Schema{"token_notice", 2} }

// Oldest implements Versioned.
func (*TokenNotice) Oldest() int { return 1 }

// EncodeMsgpack writes the map that schema/token_notice.2.json describes.
func (n *TokenNotice) EncodeMsgpack(enc *msgpack.Encoder) error {
	return enc.Encode(msgpack.RawMessage(n.append(nil)))
}

// append implements appender.
func (n *TokenNotice) append(b []byte) []byte {
	w := beginMap(b)
	w.account("account_id", n.Account)
	w.time("at", n.At)
	w.id("token_id", &n.Token)
	w.text("client_id", n.ClientID)
	w.text("name", n.Name)
	w.text("state", string(n.State))
	w.time("expires_at", n.ExpiresAt)
	return w.end()
}

// DecodeMsgpack reads the form written by EncodeMsgpack, and that of version 1, whose ids are bytes and whose times are
// numbers.
func (n *TokenNotice) DecodeMsgpack(dec *msgpack.Decoder) error {
	*n = TokenNotice{}
	var r mapReader
	r.open(dec)
	for name := r.next(); name != nil; name = r.next() {
		switch string(name) {
		case "account_id":
			r.account(&n.Account)
		case "at":
			r.time(&n.At)
		case "token_id", "token":
			r.id(&n.Token)
		case "client_id":
			r.text(&n.ClientID)
		case "name":
			r.text(&n.Name)
		case "state":
			r.text((*string)(&n.State))
		case "expires_at":
			r.time(&n.ExpiresAt)
		default:
			r.skip()
		}
	}
	return r.err
}
