package scoring

import (
	"bytes"
	"encoding/json"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"plumbline.dev/proto"
)

// The reference decoder is simple and slow: it reads the whole response into a tree with the order and the repetitions
// of members, and inspects the tree.

type member struct {
	name  string
	value any
}

type object []member

func tree(dec *json.Decoder) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		o := object{}
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				return nil, err
			}
			value, err := tree(dec)
			if err != nil {
				return nil, err
			}
			o = append(o, member{name.(string), value})
		}
		_, err := dec.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			value, err := tree(dec)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err := dec.Token()
		return list, err
	}
	return token, nil
}

func (o object) all(name string) (values []any) {
	for _, m := range o {
		if m.name == name {
			values = append(values, m.value)
		}
	}
	return values
}

func repeats(v any) bool {
	switch v := v.(type) {
	case object:
		for _, m := range v {
			if len(v.all(m.name)) > 1 || repeats(m.value) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, repeats)
	}
	return false
}

// wellFormed is a JSON text as the package wants it; the reference's own reader is laxer about UTF-8.
func wellFormed(body []byte) bool {
	return jsontext.Value(body).IsValid(jsontext.AllowDuplicateNames(true))
}

func reference(body []byte, asked []proto.Device) (Answer, bool) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	v, err := tree(dec)
	if err != nil {
		return Answer{}, false
	}
	if _, err := dec.Token(); err != io.EOF {
		return Answer{}, false
	}
	top, ok := v.(object)
	results := top.all("result")
	if !ok || len(results) != 1 {
		return Answer{}, false
	}
	result, ok := results[0].(object)
	if !ok {
		return Answer{}, false
	}
	var answer Answer
	for _, d := range asked {
		o := proto.Observation{Device: d.ID, Score: proto.NoScore, Problem: proto.ReasonMissing}
		times := 0
		for _, m := range result {
			if !strings.EqualFold(m.name, d.ID.String()) || len(m.name) != 36 {
				continue
			}
			times++
			o.Problem, o.Score, o.S2SID = proto.ReasonInvalidScore, proto.NoScore, ""
			e, _ := m.value.(object)
			if repeats(e) {
				continue
			}
			for _, v := range e.all("s2s_id") {
				o.S2SID, _ = v.(string)
			}
			if len(o.S2SID) > proto.MaxS2SID {
				return Answer{}, false
			}
			for _, v := range e.all("score") {
				if n, ok := v.(json.Number); ok {
					if score, ok := referenceScore(n.String()); ok {
						o.Score, o.Problem = score, proto.ReasonNone
					}
				}
			}
		}
		if times > 1 {
			o.Problem, o.Score, o.S2SID = proto.ReasonInvalidScore, proto.NoScore, ""
		}
		answer.Observations = append(answer.Observations, o)
	}
	for _, m := range result {
		if !slices.ContainsFunc(asked,
			func(d proto.Device) bool { return len(m.name) == 36 && strings.EqualFold(m.name, d.ID.String()) }) {
			answer.Unknown++
		}
	}
	return answer, true
}

func referenceScore(text string) (int, bool) {
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		if e, err := strconv.Atoi(text[i+1:]); err != nil || e > 10_000 || e < -10_000 {
			// Too large for exact arithmetic: only zero survives such an exponent.
			return 0, strings.Trim(text[:i], "-0.") == ""
		}
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok || !r.IsInt() || r.Sign() < 0 || r.Cmp(big.NewRat(100, 1)) > 0 {
		return 0, false
	}
	return int(r.Num().Int64()), true
}

// Every device asked about is accounted for exactly once, nothing panics, and what is well-formed is read
// as the reference reads it.
func FuzzAnswer(f *testing.F) {
	a, b := idA.String(), idB.String()
	for _, seed := range []string{
		``, `{}`, `{"result":{}}`, `{"result":null}`, about(`{"s2s_id":"a","score":50}`), about(`{"score":5e1,"x":[{"y":"}"}]}`),
		about(`{"score":50,"score":50}`), about(`null`), about(`{"s2s_id":"\u00e9\"","score":50.0}`),
		`{"result":{"` + strings.ToUpper(a) + `":{"score":1},"` + a + `":{"score":1},"x":{}}}`,
		`{"x":1,"result":{"` + b + `":{"score":1e999999999}},"x":2} `, `{"result":{}}{}`, `{"result":{},"result":{}}`,
		`{"r\u0065sult":{"\u0061` + a[1:] + `":{"sc\u006fre":50.00000000000000000001}}}`, "\xef\xbb\xbf{}", `{"result":{"` + a,
		about(`{"s2s_id":"` + strings.Repeat("x", 257) + `","score":1}`),
		about(`{ "a" : { "b" : 1 , "b" : 2 } , "score" : 1 }`),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := Decode(bytes.NewReader(body), limit, asked, nil)
		want, ok := reference(body, asked)
		if ok = ok && wellFormed(body); ok != (err == nil) {
			t.Fatalf("%q: %v, the reference takes it: %t", body, err, ok)
		}
		if err != nil {
			if s := err.Error(); strings.ContainsAny(s, "\x00\n\r") || len(s) > 200 {
				t.Fatalf("sentence %q", s)
			}
			return
		}
		if len(got.Observations) != len(asked) {
			t.Fatalf("%d observations of %d devices", len(got.Observations), len(asked))
		}
		if !slices.Equal(got.Observations, want.Observations) || got.Unknown != want.Unknown {
			t.Fatalf("%q:\n%+v\nthe reference:\n%+v", body, got, want)
		}
	})
}

func FuzzScore(f *testing.F) {
	for _, s := range []string{"0", "100", "-0", "50.0", "5e1", "1e-2", "1000e-1", "1E+2", "12345678901234567890e-18",
		"1e999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 2000 || !wellFormed([]byte(text)) || strings.TrimSpace(text) != text {
			return
		}
		got, ok := parseScore([]byte(text))
		want, wantOK := 0, false
		if text[0] == '-' || text[0] >= '0' && text[0] <= '9' {
			want, wantOK = referenceScore(text)
		}
		if ok != wantOK || ok && got != want {
			t.Fatalf("%s is %d %t, the reference says %d %t", text, got, ok, want, wantOK)
		}
	})
}
