package policytest

import (
	"context"
	"errors"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Bounds of a test.
const (
	limit   = 10 * time.Minute // for the whole test
	renewal = 10 * time.Second // between writes of the progress
	// lease is how long a test may go without a write before it counts as ended with its process.
	lease = 2 * time.Minute
	// partSize is the number of results in one record.
	partSize = 1000
	// lastWrite is how long storing the end of a test may take.
	lastWrite = 5 * time.Second
)

// test is a policy test on the replica that runs it. It is not safe for concurrent use.
type test struct {
	tested
	api     *API
	account proto.Account
	record  proto.PolicyTest
	members map[proto.ID]*member // users without a result yet
	part    []proto.PolicyTestUser
}

var errLimit = errors.New("the test took longer than " + limit.String())

// execute runs the test and stores how it ended.
func (t *test) execute(ctx context.Context) {
	bounded, cancel := context.WithTimeoutCause(ctx, limit, errLimit)
	defer cancel()
	err := t.run(bounded)
	if err != nil {
		t.api.store.Log.Warn("policy test stopped", "test", t.record.ID, "err", err)
	}
	t.record.State, t.record.Problem = ending(err, context.Cause(bounded))
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
	defer done()
	if err := t.save(ctx); err != nil {
		t.api.store.Log.Warn("failed to store the end of a policy test", "test", t.record.ID, "err", err)
	}
}

// ending returns the state of a test that ended with err, and a sentence on the problem. cause is [context.Cause] of
// the test's context.
func ending(err, cause error) (state, problem string) {
	switch {
	case err == nil:
		return proto.PolicyTestComplete, ""
	case errors.Is(cause, errLimit):
		return proto.PolicyTestExceededTime, "The test was stopped after " + limit.String() + "."
	case cause != nil:
		return proto.PolicyTestExceededTime, processEnded
	}
	return proto.PolicyTestBlocked, "The data of the users or of their devices could not be read. Start another test."
}

const processEnded = "The api that ran the test ended. Start another test."

func (t *test) run(ctx context.Context) error {
	if err := t.list(ctx); err != nil {
		return err
	}
	t.record.Total = len(t.members)
	if err := t.save(ctx); err != nil {
		return err
	}
	if err := t.readPosture(ctx); err != nil {
		return err
	}
	if err := t.evaluateAll(ctx); err != nil {
		return err
	}
	t.record.Total -= len(t.members) // the records of these users were deleted in the meantime
	return nil
}

// save stores the test's record.
func (t *test) save(ctx context.Context) error {
	t.record.UpdatedAt = proto.At(t.api.store.Clock.Now())
	return t.put(ctx, topology.PolicyTestKey(t.account, t.record.ID), &t.record)
}

// renew stores the test's record if it is older than [renewal].
func (t *test) renew(ctx context.Context) error {
	if t.api.store.Clock.Now().Sub(t.record.UpdatedAt.Time()) < renewal {
		return ctx.Err()
	}
	return t.save(ctx)
}

// put writes a key. No other process writes the keys of the test.
func (t *test) put(ctx context.Context, key string, body proto.Message) error {
	_, err := t.api.store.Conn.Publish(ctx,
		bus.Outgoing{Subject: topology.BucketSubject(topology.PolicyTests, key), Body: body})
	return err
}

// add adds the result of a user, and stores the part once it is full.
func (t *test) add(ctx context.Context, r proto.PolicyTestUser) error {
	t.part = append(t.part, r)
	if len(t.part) < partSize {
		return t.renew(ctx)
	}
	return t.flush(ctx)
}

// flush stores the results that are not stored yet, and then the progress.
func (t *test) flush(ctx context.Context) error {
	if len(t.part) == 0 {
		return nil
	}
	key := topology.PolicyTestUsersKey(t.account, t.record.ID, len(t.record.Parts))
	if err := t.put(ctx, key, &proto.PolicyTestUsers{Users: t.part}); err != nil {
		return err
	}
	var counts proto.PolicyPart
	for _, r := range t.part {
		switch r.Status {
		case approved:
			counts.Approved++
		case blocked:
			counts.Blocked++
		default:
			counts.Errored++
		}
	}
	t.record.Parts, t.part = append(t.record.Parts, counts), t.part[:0]
	return t.save(ctx)
}
