package gate

import (
	"context"

	"plumbline.dev/proto"
)

// Login sends people to log in.
type Login interface {
	// Redirect is the answer that sends a person to the team domain (contract.md 8.5), with Location and
	// cookies. The gate adds the headers that every such answer has. serviceToken is false where service
	// credentials were shown and not right. nil where nobody can log in now: the gate then refuses.
	Redirect(ctx context.Context, r *Request, app Application, serviceToken bool) *Response
}

// Sessions are the logins that have not ended.
type Sessions interface {
	Session(account proto.Account, nonce string) (*proto.Session, bool)
}
