package scoring

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
)

var (
	idA, _ = proto.ParseID("aaaaaaaa-0000-4000-8000-000000000001")
	idB, _ = proto.ParseID("bbbbbbbb-0000-4000-8000-000000000002")
	asked  = []proto.Device{{ID: idA}, {ID: idB}}
)

const limit = 1 << 20

func decode(body string) (Answer, error) {
	return Decode(strings.NewReader(body), limit, asked, nil)
}

// about is an answer in which device A has the given value, and B a score of 7.
func about(value string) string {
	return fmt.Sprintf(`{"result":{"%s":%s,"%s":{"s2s_id":"b","score":7}}}`, idA, value, idB)
}

func TestScores(t *testing.T) {
	for value, want := range map[string]int{
		"0": 0, "7": 7, "50": 50, "99": 99, "100": 100, "50.0": 50, "50.000": 50, "5e1": 50, "5E+1": 50, "5.0e1": 50, "500e-1": 50,
		"0.5e2": 50, "0.05e3": 50, "1e2": 100, "1.00e2": 100, "10e1": 100, "100.0": 100, "1000e-1": 100, "0e999999999": 0,
		"0.000": 0, "-0": 0, "-0.0": 0, "0e-5": 0, "12.5e0": -1, "1e0000000000000000000000000000001": 10,
		"0.00000000000000000000000000000000000000000005e45": 50,
		"-1": -1, "-50": -1, "-0.5": -1, "101": -1, "100.5": -1, "50.5": -1, "99.99": -1, "1000": -1, "110e0": -1, "1e3": -1, "5e-1": -1,
		"1e999999999": -1, "1e-999999999": -1, "1e99999999999999999999999": -1, "1e-99999999999999999999999": -1,
		"50.00000000000000000001": -1, "100.00000000000000000001": -1, "49.99999999999999999999999999": -1,
		`"50"`: -1, `""`: -1, "null": -1, "true": -1, "false": -1, "[]": -1, "[50]": -1, "{}": -1, `{"score":50}`: -1,
	} {
		t.Run(value, func(t *testing.T) {
			got, err := decode(about(`{"s2s_id":"a","score":` + value + `}`))
			if err != nil {
				t.Fatal(err)
			}
			wantA := proto.Observation{Device: idA, Score: want, S2SID: "a"}
			if want < 0 {
				wantA.Problem = proto.ReasonInvalidScore
			}
			wantB := proto.Observation{Device: idB, Score: 7, S2SID: "b"}
			if !slices.Equal(got.Observations, []proto.Observation{wantA, wantB}) {
				t.Errorf("%+v", got.Observations)
			}
		})
	}
}

func TestEntries(t *testing.T) {
	const invalid = proto.ReasonInvalidScore
	for _, c := range []struct {
		name, value string
		want        proto.Observation
	}{
		{"plain", `{"s2s_id":"x","score":5}`, proto.Observation{Score: 5, S2SID: "x"}},
		{"other order and space", " {\n\t\"score\" : 5 ,\r\"s2s_id\" : \"x\" } ", proto.Observation{Score: 5, S2SID: "x"}},
		{"no s2s_id", `{"score":5}`, proto.Observation{Score: 5}},
		{"s2s_id null", `{"s2s_id":null,"score":5}`, proto.Observation{Score: 5}},
		{"s2s_id a number", `{"s2s_id":12,"score":5}`, proto.Observation{Score: 5}},
		{"s2s_id an object", `{"s2s_id":{"a":["}"]},"score":5}`, proto.Observation{Score: 5}},
		{"s2s_id with escapes", `{"s2s_id":"a\"\\\u00e9\ud83d\ude00","score":5}`, proto.Observation{Score: 5, S2SID: "a\"\\é😀"}},
		{"members of its own", `{"a":[1,{"b":"]}"}],"score":5,"c":null,"s2s_id":"x","d":{"e":"\\\""}}`, proto.Observation{Score: 5, S2SID: "x"}},
		{"names with escapes", `{"s\u0063ore":5,"s2s\u005fid":"x"}`, proto.Observation{Score: 5, S2SID: "x"}},
		{"other case is another member", `{"Score":5}`, proto.Observation{Score: -1, Problem: invalid}},
		{"no score", `{"s2s_id":"x"}`, proto.Observation{Score: -1, Problem: invalid, S2SID: "x"}},
		{"empty", `{}`, proto.Observation{Score: -1, Problem: invalid}},
		{"null", `null`, proto.Observation{Score: -1, Problem: invalid}},
		{"a number", `50`, proto.Observation{Score: -1, Problem: invalid}},
		{"a string", `"50"`, proto.Observation{Score: -1, Problem: invalid}},
		{"an array", `[{"score":5}]`, proto.Observation{Score: -1, Problem: invalid}},
		{"score twice", `{"score":5,"score":5}`, proto.Observation{Score: -1, Problem: invalid}},
		{"score twice, once escaped", `{"score":5,"scor\u0065":6,"s2s_id":"x"}`, proto.Observation{Score: -1, Problem: invalid}},
		{"s2s_id twice", `{"s2s_id":"a","score":5,"s2s_id":"a"}`, proto.Observation{Score: -1, Problem: invalid}},
		{"another member twice", `{"a":1,"score":5,"a":1}`, proto.Observation{Score: -1, Problem: invalid}},
		{"a member twice further down", `{"a":{"b":1,"b":2},"score":5}`, proto.Observation{Score: -1, Problem: invalid}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := decode(about(c.value))
			if err != nil {
				t.Fatal(err)
			}
			c.want.Device = idA
			if got.Observations[0] != c.want {
				t.Errorf("%+v, want %+v", got.Observations[0], c.want)
			}
			if b := got.Observations[1]; b.Score != 7 || b.S2SID != "b" {
				t.Errorf("the other device: %+v", b)
			}
		})
	}
}

func TestDevices(t *testing.T) {
	const missing, invalid, none = proto.ReasonMissing, proto.ReasonInvalidScore, proto.ReasonNone
	entry := `{"s2s_id":"x","score":5}`
	upper := strings.ToUpper(idA.String())
	for _, c := range []struct {
		name, result string
		a, b         proto.Reason
		unknown      int
	}{
		{"nobody", `{}`, missing, missing, 0},
		{"one is missing", `{"` + idB.String() + `":` + entry + `}`, missing, none, 0},
		{"other order", `{"` + idB.String() + `":` + entry + `,"` + idA.String() + `":` + entry + `}`, none, none, 0},
		{"upper case", `{"` + upper + `":` + entry + `}`, none, missing, 0},
		{"escapes", `{"\u0061` + idA.String()[1:] + `":` + entry + `}`, none, missing, 0},
		{"unknown ones", `{"` + proto.NewID().String() + `":null,"":1,"x":{"score":1,"score":2},"` + idA.String() + `":` + entry + `}`, none, missing, 3},
		{"an unknown one's long s2s_id", `{"x":{"s2s_id":"` + strings.Repeat("x", 300) + `"}}`, missing, missing, 1},
		{"twice", `{"` + idA.String() + `":` + entry + `,"` + idA.String() + `":` + entry + `,"` + idB.String() + `":` + entry + `}`, invalid, none, 0},
		{"twice, in another case", `{"` + upper + `":` + entry + `,"` + idB.String() + `":` + entry + `,"` + idA.String() + `":` + entry + `}`, invalid, none, 0},
		{"three times", strings.Repeat(`{"`+idA.String()+`":`+entry, 1) + strings.Repeat(`,"`+idA.String()+`":`+entry, 2) + `}`, invalid, missing, 0},
		{"an invalid one twice", `{"` + idA.String() + `":null,"` + idA.String() + `":` + entry + `}`, invalid, missing, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := decode(`{"other":[1,2],"result":` + c.result + `,"more":"x","more":"y"}`)
			if err != nil {
				t.Fatal(err)
			}
			o := got.Observations
			if o[0].Problem != c.a || o[1].Problem != c.b || got.Unknown != c.unknown {
				t.Errorf("%v, %v, %d unknown; want %v, %v, %d", o[0].Problem, o[1].Problem, got.Unknown, c.a, c.b, c.unknown)
			}
			for _, o := range o {
				if (o.Problem == none) != (o.Score == 5) || (o.Problem == none) != (o.S2SID == "x") {
					t.Errorf("%+v", o)
				}
			}
		})
	}
}

func TestFaults(t *testing.T) {
	long := strings.Repeat("s", proto.MaxS2SID+1)
	for _, c := range []struct {
		name, body string
		want       Fault
	}{
		{"empty", "", Truncated},
		{"blank", " \n ", Truncated},
		{"HTML", "<!DOCTYPE html><title>SECRET</title>", NotJSON},
		{"text", "SECRET", NotJSON},
		{"byte order mark", "\ufeff" + about(`{"score":5}`), NotJSON},
		{"not UTF-8", about("{\"s2s_id\":\"SECRET\xff\",\"score\":5}"), NotJSON},
		{"half a surrogate pair", about(`{"s2s_id":"SECRET\ud800","score":5}`), NotJSON},
		{"a comment", `{"result":{}/*SECRET*/}`, NotJSON},
		{"a comma too many", `{"result":{},}`, NotJSON},
		{"no colon", `{"result"{}}`, NotJSON},
		{"a number that is none", about(`{"score":05}`), NotJSON},
		{"null", "null", NotObject},
		{"an array", `[{"result":{}}]`, NotObject},
		{"a string", `"SECRET"`, NotObject},
		{"no result", `{"results":{},"Result":{}}`, NoResult},
		{"an empty object", `{}`, NoResult},
		{"result null", `{"result":null}`, NoResult},
		{"result an array", `{"result":[]}`, NoResult},
		{"result a string", `{"result":"SECRET"}`, NoResult},
		{"result twice", `{"result":{},"result":{}}`, DuplicateResult},
		{"result twice, once escaped", `{"result":{},"resul\u0074":{}}`, DuplicateResult},
		{"trailing object", `{"result":{}}{"result":{}}`, TrailingData},
		{"trailing text", `{"result":{}} SECRET`, TrailingData},
		{"a long s2s_id", about(`{"s2s_id":"` + long + `","score":5}`), LongS2SID},
		{"truncated in a member", about(`{"s2s_id":"SECRET","score":5`)[:120], Truncated},
		{"truncated before the end", `{"result":{}`, Truncated},
		{"deeply nested", strings.Repeat(`{"a":`, 20_000), NotJSON},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := decode(c.body)
			var f *Failure
			if !errors.As(err, &f) || f.Fault != c.want {
				t.Fatalf("%v, want fault %d", err, c.want)
			}
			if got.Observations != nil || got.Unknown != 0 {
				t.Errorf("an answer came with the failure: %+v", got)
			}
			if strings.Contains(f.Sentence, "SECRET") || strings.Contains(f.Sentence, idA.String()) {
				t.Errorf("the sentence quotes the answer: %s", f.Sentence)
			}
		})
	}
	if got, err := decode(about(`{"s2s_id":"` + long[1:] + `","score":5}`)); err != nil ||
		len(got.Observations[0].S2SID) != proto.MaxS2SID {
		t.Errorf("an s2s_id of the greatest length: %v", err)
	}
	if _, err := decode(about(`{"s2s_id":"` + strings.Repeat("é", 128) + `","score":5}`)); err != nil {
		t.Errorf("an s2s_id of 256 bytes in 128 characters: %v", err)
	}
	if _, err := decode(about(`{"s2s_id":"` + strings.Repeat(`\u00e9`, 128) + `","score":5}`)); err != nil {
		t.Errorf("an s2s_id of 256 bytes in 768: %v", err)
	}
}

// endless repeats a piece forever and counts the bytes read.
type endless struct {
	piece string
	read  int64
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.piece[int(e.read+int64(i))%len(e.piece)]
	}
	e.read += int64(len(p))
	return len(p), nil
}

func TestLimit(t *testing.T) {
	body := about(`{"s2s_id":"a","score":5}`)
	if _, err := Decode(strings.NewReader(body), int64(len(body)), asked, nil); err != nil {
		t.Errorf("an answer of exactly the limit: %v", err)
	}
	var f *Failure
	if _, err := Decode(strings.NewReader(body), int64(len(body))-1, asked, nil); !errors.As(err, &f) ||
		f.Fault != TooLarge {
		t.Errorf("an answer one byte over the limit: %v", err)
	}
	for _, piece := range []string{" ", "x", `{"result":{"a":`, "[", "\x00", `"`} {
		for _, prefix := range []string{"", `{"result":{"`, body} {
			e := &endless{piece: piece}
			_, err := Decode(io.MultiReader(strings.NewReader(prefix), e), 10_000, asked, nil)
			if !errors.As(err, &f) {
				t.Errorf("%q after %q: %v", piece, prefix, err)
			}
			if e.read > 10_001 {
				t.Errorf("%q after %q: %d bytes were read", piece, prefix, e.read)
			}
		}
	}
}

func TestReaderFails(t *testing.T) {
	broken := errors.New("connection reset")
	body := about(`{"s2s_id":"a","score":5}`)
	for n := range len(body) + 1 {
		_, err := Decode(io.MultiReader(strings.NewReader(body[:n]), iotest.ErrReader(broken)), limit, asked, nil)
		var read *ReadError
		if !errors.As(err, &read) || !errors.Is(err, broken) {
			t.Fatalf("broken after %d bytes: %v", n, err)
		}
		_, err = Decode(strings.NewReader(body[:n]), limit, asked, nil)
		var f *Failure
		if n < len(body) && (!errors.As(err, &f) || f.Fault != Truncated) {
			t.Fatalf("ended after %d bytes: %v", n, err)
		}
	}
}

// The result depends neither on earlier responses nor on the sizes of reads.
func TestPiecesAndReuse(t *testing.T) {
	devices := fleet(300)
	rapid.Check(t, func(t *rapid.T) {
		body := answer(devices, rapid.Bool().Draw(t, "in order"))
		whole, err := Decode(bytes.NewReader(body), limit, devices, nil)
		if err != nil {
			t.Fatal(err)
		}
		cut := rapid.IntRange(0, len(body)).Draw(t, "cut")
		if _, err := Decode(bytes.NewReader(body[:cut]), limit, devices, make([]proto.Observation, 3)); err == nil &&
			cut < len(body) {
			t.Fatal("half an answer was taken")
		}
		pieces, err := Decode(iotest.OneByteReader(bytes.NewReader(body)), limit, devices, make([]proto.Observation, 2000))
		if err != nil || !slices.Equal(whole.Observations, pieces.Observations) {
			t.Fatalf("byte by byte: %v", err)
		}
		for i, o := range whole.Observations {
			if o.Device != devices[i].ID || o.Score != i%101 || o.S2SID != fmt.Sprintf("s2s-%d", i) {
				t.Fatalf("device %d: %+v", i, o)
			}
		}
	})
}

func answer(devices []proto.Device, inOrder bool) []byte {
	order := make([]int, len(devices))
	for i := range order {
		order[i] = i
	}
	if !inOrder {
		rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	b := []byte(`{"result":{`)
	for n, i := range order {
		if n > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `"%s":{"s2s_id":"s2s-%d","score":%d}`, devices[i].ID, i, i%101)
	}
	return append(b, "}}"...)
}

func benchmarkDecode(b *testing.B, body []byte, devices []proto.Device) {
	into := make([]proto.Observation, len(devices))
	r := bytes.NewReader(body)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(body)
		if _, err := Decode(r, 8<<20, devices, into); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAnswer(b *testing.B) {
	devices := fleet(proto.PageSize)
	benchmarkDecode(b, answer(devices, true), devices)
}

func BenchmarkAnswerShuffled(b *testing.B) {
	devices := fleet(proto.PageSize)
	benchmarkDecode(b, answer(devices, false), devices)
}
