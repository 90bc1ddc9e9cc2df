package fetcher

import (
	"errors"
	"net/url"
	"sync"

	"filippo.io/age"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/appmatch"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/egress"
	"plumbline.dev/services/internal/seal"
)

// target is the destination of an integration's calls, with their credentials.
type target struct {
	account  proto.Account
	url      *url.URL
	clientID string
	secret   string
	// app is set if the calls carry an application token in place of the Client ID and Secret.
	app *catalog.Record[proto.Application]
	// uncovered is set if the URL belongs to no application: a sentence about the credentials sent.
	uncovered string
	// access and tokens are the revisions that the exchange must have seen to decide about the token: see
	// [proto.ServiceExchange].
	access, tokens uint64
	// token is the cache key of the application token; zero means no caching.
	token tokenKey
}

// targets builds targets from the catalog and keeps each until its sources change.
type targets struct {
	catalog    *catalog.Catalog
	identities []age.Identity
	mu         sync.Mutex
	kept       map[ref]keptTarget
}

type keptTarget struct {
	*target
	problem     *problem
	integration uint64 // the record's revision
	config      uint64 // the catalog's
}

func newTargets(c *catalog.Catalog, identities []age.Identity) *targets {
	return &targets{catalog: c, identities: identities, kept: map[ref]keptTarget{}}
}

// of returns the target of an integration, or the fault of its configuration.
func (t *targets) of(rec catalog.Record[proto.Integration]) (*target, *problem) {
	of := ref{rec.Account, rec.Value.ID}
	config := t.catalog.Revision() // before the applications are read: at worst it is made once more
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.kept[of]
	if !ok || k.integration != rec.Revision || k.config != config {
		k = keptTarget{integration: rec.Revision, config: config}
		k.target, k.problem = t.make(of, rec.Value.APIURL, rec.Value.ClientID, rec.Value.SealedSecret)
		if k.target != nil && k.app != nil {
			k.token = tokenKey{ref: of, integration: rec.Revision, app: k.app.Value.ID, appRevision: k.app.Revision}
		}
		t.kept[of] = k
	}
	return k.target, k.problem
}

func (t *targets) forget(of ref) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.kept, of)
}

// make decides the credentials for a URL (bus/README.md, "Polls"). An application with an origin here, and a URL
// without an application, get the Client ID and Secret; any other application gets its token, and never the secret.
func (t *targets) make(of ref, apiURL, clientID string, sealed []byte) (*target, *problem) {
	u, err := egress.ParseURL(apiURL)
	if err != nil {
		return nil, &problem{reason: proto.ReasonAPIError, sentence: egress.Explain(err).Sentence}
	}
	secret, err := seal.Open(t.identities, of.id.String(), sealed)
	if err != nil {
		return nil, &problem{reason: proto.ReasonAuthFailed, sentence: sealedSentence(err)}
	}
	made := &target{account: of.account, url: u, clientID: clientID, secret: string(secret)}
	apps := t.catalog.Applications(of.account)
	app, covered := appmatch.Find(apps, u)
	switch {
	case !covered:
		made.uncovered = uncovered(apps, u)
	case app.Value.OriginURL == "":
		made.app, made.access = &app, app.Revision
	}
	return made, nil
}

func sealedSentence(err error) string {
	if errors.Is(err, seal.ErrNotForUs) {
		return "The integration's secret is sealed to another identity than this fetcher has; save the secret again, or " +
			"give the fetcher the identity."
	}
	return "The integration's stored secret cannot be opened; save it again."
}
