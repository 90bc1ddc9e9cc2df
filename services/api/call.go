package api

import (
	"context"
	"net/http"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// call is one authenticated request.
type call struct {
	*http.Request
	account proto.Account
	zone    proto.Account // of a request for a zone; else zero
	token   *proto.APIToken
	given   presented       // the credentials that it came with
	need    need            // what its token must be allowed
	client  context.Context // of a stream: ends with the client alone, and not with its token
	body    []byte          // of an ordinary request
}

// zoned tells a request for a zone: a namespace of the account.
func (c *call) zoned() bool { return !c.zone.IsZero() }

// sees tells whether a resource that was made in a zone, or in none, is there for the request. The account
// has those of its zones too; a zone has its own.
func (c *call) sees(zone proto.Account) bool { return !c.zoned() || zone == c.zone }

// object reads the body as a JSON object.
func (c *call) object() (object, error) { return parseObject(c.body) }

// id reads an id in the path; what is none names nothing that is there.
func (c *call) id(name string, missing *problem) (proto.ID, error) {
	id, err := proto.ParseID(c.PathValue(name))
	if err != nil || id.IsZero() {
		return proto.ID{}, missing
	}
	return id, nil
}

// precondition checks If-Match against the revision that is there.
func (c *call) precondition(revision uint64) error {
	match := c.Header.Get("If-Match")
	if match == "" || match == "*" {
		return nil
	}
	for tag := range strings.SplitSeq(match, ",") {
		if strings.TrimSpace(tag) == etag(revision) {
			return nil
		}
	}
	return errPrecondition
}

// attempts bounds how often a change is made again because somebody else was first.
const attempts = 8

// fresh waits until the view of the configuration holds every write that was acknowledged before the call.
func (s *Service) fresh(ctx context.Context) error {
	return upToDate(ctx, s.config, s.catalog)
}

func (s *Service) freshTokens(ctx context.Context) error {
	return upToDate(ctx, s.secrets, s.tokens)
}

type follower interface {
	AwaitRevision(ctx context.Context, revision uint64) error
}

// upToDate asks the bucket's leader how far the bucket is and waits until the view is as far. The newest
// message of a bucket is never superseded, so a view of all keys always gets there.
func upToDate(ctx context.Context, bucket *confirmations, v follower) error {
	ctx, cancel := context.WithTimeout(ctx, viewTimeout)
	defer cancel()
	revision, err := bucket.newest(ctx)
	if err == nil {
		err = v.AwaitRevision(ctx, revision)
	}
	if err != nil {
		return unavailable(err, "the configuration cannot be read at the moment: try again")
	}
	return nil
}

// inScope refuses what [named] found where it was made in another zone than the request is for.
func inScope[T any](c *call, missing *problem, zone func(*T) proto.Account) func(catalog.Record[T], error) (catalog.Record[T], error) {
	return func(r catalog.Record[T], err error) (catalog.Record[T], error) {
		if err == nil && !c.sees(zone(r.Value)) {
			return catalog.Record[T]{}, missing
		}
		return r, err
	}
}

// named finds the resource that the path names, as the newest write left it, or says that it is missing. A
// request that is conditional on a revision is refused where the resource has another.
func named[T any](ctx context.Context, s *Service, c *call, find func(proto.Account, proto.ID) (catalog.Record[T], bool), missing *problem) (catalog.Record[T], error) {
	id, err := c.id("id", missing)
	if err == nil {
		err = s.fresh(ctx)
	}
	if err != nil {
		return catalog.Record[T]{}, err
	}
	r, found := find(c.account, id)
	if !found {
		return r, missing
	}
	return r, c.precondition(r.Revision)
}
