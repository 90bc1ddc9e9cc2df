package keycache

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"plumbline.dev/proto"
)

func TestAStatementIsSignedOnceInAWhile(t *testing.T) {
	k, e, c := newCache(t, Config{})
	s := proto.Statement{Kind: proto.StatementMeta, Account: proto.NewAccount(), Application: proto.NewID(),
		Hostname: "app.example", RedirectURL: "/a"}
	get := func(s proto.Statement) string {
		t.Helper()
		token, err := k.Statement(t.Context(), &s)
		if err != nil || token == "" {
			t.Fatalf("%q, %v", token, err)
		}
		return token
	}
	first := get(s)
	c.Advance(4*time.Minute - 1)
	if get(s) != first || e.count(statementSubject) != 1 {
		t.Error("it was asked for again")
	}
	c.Advance(1)
	if get(s) == first {
		t.Error("it was used for too long")
	}
	seen := map[string]bool{get(s): true}
	for _, change := range []func(*proto.Statement){
		func(s *proto.Statement) {
			s.Kind = proto.StatementMatch
		}, func(s *proto.Statement) { s.Account = proto.NewAccount() },
		func(s *proto.Statement) { s.Application = proto.NewID() }, func(s *proto.Statement) { s.Hostname = "b.example" },
		func(s *proto.Statement) { s.RedirectURL = "/b" }, func(s *proto.Statement) { s.ServiceTokenStatus = true },
	} {
		other := s
		change(&other)
		token := get(other)
		if seen[token] {
			t.Errorf("%+v got another's", other)
		}
		seen[token] = true
	}
}

// Strangers cannot buy signatures without end.
func TestStatementsHaveABudget(t *testing.T) {
	k, e, c := newCache(t, Config{Statements: 10})
	n := 0
	ask := func() error {
		n++
		_, err := k.Statement(t.Context(), &proto.Statement{Kind: proto.StatementMeta, RedirectURL: "/" + strconv.Itoa(n)})
		return err
	}
	for range 10 {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		if err := ask(); !errors.Is(err, ErrBudget) {
			t.Fatal(err)
		}
	}
	if got := e.count(statementSubject); got != 10 {
		t.Errorf("asked %d times", got)
	}
	if _, err := k.Statement(t.Context(), &proto.Statement{Kind: proto.StatementMeta, RedirectURL: "/1"}); err != nil {
		t.Errorf("one that is there costs nothing: %v", err)
	}
	c.Advance(150 * time.Millisecond)
	if err := ask(); err != nil {
		t.Error(err)
	}
	if err := ask(); !errors.Is(err, ErrBudget) {
		t.Error(err)
	}
	c.Advance(time.Hour) // no more than a second's worth is saved up
	for range 10 {
		if err := ask(); err != nil {
			t.Error(err)
		}
	}
	if err := ask(); !errors.Is(err, ErrBudget) {
		t.Error(err)
	}
	c.Set(start.Add(-time.Hour)) // nor is any lost with a clock that was set back
	c.Advance(time.Second)
	_ = ask()
	c.Advance(time.Second)
	if err := ask(); err != nil {
		t.Error(err)
	}
	long := proto.Statement{Kind: proto.StatementMeta, RedirectURL: strings.Repeat("x", 10_000)}
	if _, err := k.Statement(t.Context(), &long); !errors.Is(err, ErrBudget) {
		t.Error(err)
	}
}

func TestTheQuestionOfAnExternalEvaluationIsAlwaysNew(t *testing.T) {
	k, e, _ := newCache(t, Config{Statements: 1})
	for range 5 {
		if _, err := k.Statement(t.Context(), &proto.Statement{Kind: proto.StatementExternal}); err != nil {
			t.Fatal(err)
		}
	}
	if n := e.count(statementSubject); n != 5 {
		t.Errorf("asked %d times", n)
	}
	e.set(func() { e.away = true })
	if _, err := k.Statement(t.Context(), &proto.Statement{Kind: proto.StatementMeta}); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	e.set(func() { e.away = false })
	if _, err := k.Statement(t.Context(), &proto.Statement{Kind: proto.StatementMatch}); !errors.Is(err, ErrBudget) {
		t.Errorf("the budget is for tries: %v", err)
	}
}
