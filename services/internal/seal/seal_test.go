package seal_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"filippo.io/age"
	"pgregory.net/rapid"
	"plumbline.dev/services/internal/seal"
)

func pair(t testing.TB) ([]age.Identity, []age.Recipient) {
	t.Helper()
	identity, recipient, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	ids, err := seal.ParseIdentities(identity)
	if err != nil {
		t.Fatal(err)
	}
	to, err := seal.ParseRecipients(recipient)
	if err != nil {
		t.Fatal(err)
	}
	return ids, to
}

func TestOpensWhatItSealed(t *testing.T) {
	ids, to := pair(t)
	rapid.Check(t, func(t *rapid.T) {
		label := rapid.StringN(1, 60, seal.MaxLabel).Draw(t, "label")
		secret := rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "secret")
		sealed, err := seal.Seal(to, label, secret)
		if err != nil {
			t.Fatal(err)
		}
		got, err := seal.Open(ids, label, sealed)
		if err != nil || !bytes.Equal(got, secret) {
			t.Fatalf("opened %x, %v; sealed %x", got, err, secret)
		}
		other := rapid.StringN(1, 60, seal.MaxLabel).Filter(func(s string) bool { return s != label }).Draw(t, "other")
		if _, err := seal.Open(ids, other, sealed); !errors.Is(err, seal.ErrLabel) {
			t.Fatalf("with label %q in place of %q: %v", other, label, err)
		}
	})
}

func TestEachOfSeveralRecipientsOpens(t *testing.T) {
	oldIDs, oldTo := pair(t)
	newIDs, newTo := pair(t)
	sealed, err := seal.Seal(append(oldTo, newTo...), "a", []byte("s3cret"))
	if err != nil {
		t.Fatal(err)
	}
	for _, ids := range [][]age.Identity{oldIDs, newIDs, append(newIDs, oldIDs...)} {
		if got, err := seal.Open(ids, "a", sealed); err != nil || string(got) != "s3cret" {
			t.Errorf("opened %q, %v", got, err)
		}
	}
}

func TestOthersDoNotOpen(t *testing.T) {
	_, to := pair(t)
	sealed, err := seal.Seal(to, "a", []byte("s3cret"))
	if err != nil {
		t.Fatal(err)
	}
	other, _ := pair(t)
	for name, ids := range map[string][]age.Identity{"another identity": other, "no identity": nil} {
		if _, err := seal.Open(ids, "a", sealed); !errors.Is(err, seal.ErrNotForUs) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if bytes.Contains(sealed, []byte("s3cret")) {
		t.Error("the sealed form holds the secret")
	}
}

func TestEveryTruncationAndAlterationIsRefused(t *testing.T) {
	ids, to := pair(t)
	sealed, err := seal.Seal(to, "label", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	for n := range sealed {
		if got, err := seal.Open(ids, "label", sealed[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes open as %q", n, len(sealed), got)
		}
		bent := bytes.Clone(sealed)
		bent[n] ^= 1
		if got, err := seal.Open(ids, "label", bent); err == nil {
			t.Fatalf("opens as %q with byte %d altered", got, n)
		}
	}
	if _, err := seal.Open(ids, "label", append(bytes.Clone(sealed), 0)); !errors.Is(err, seal.ErrDamaged) {
		t.Fatalf("with a byte more: %v", err)
	}
}

func TestForeignContentIsRefused(t *testing.T) {
	ids, to := pair(t)
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to...)
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte("not a framed secret"))
	w.Close()
	if _, err := seal.Open(ids, "label", out.Bytes()); !errors.Is(err, seal.ErrDamaged) {
		t.Fatal(err)
	}
}

func TestLimits(t *testing.T) {
	ids, to := pair(t)
	full := bytes.Repeat([]byte{7}, seal.MaxSecret)
	label := strings.Repeat("l", seal.MaxLabel)
	sealed, err := seal.Seal(to, label, full)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := seal.Open(ids, label, sealed); err != nil || !bytes.Equal(got, full) {
		t.Fatalf("at the limits: %d bytes, %v", len(got), err)
	}
	for name, err := range map[string]error{
		"no recipient":       second(seal.Seal(nil, "a", nil)),
		"no label":           second(seal.Seal(to, "", nil)),
		"a label too long":   second(seal.Seal(to, label+"l", nil)),
		"a secret too large": second(seal.Seal(to, "a", append(full, 7))),
	} {
		if err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func second(_ []byte, err error) error { return err }

func TestIdentityFiles(t *testing.T) {
	a, ra, _ := seal.NewIdentity()
	b, rb, _ := seal.NewIdentity()
	for name, text := range map[string]string{
		"as age-keygen writes": "# created: 2026-11-21\n# public key: " + ra + "\n" + a + "\n\n  # and\n" + b + "\r\n",
		"by commas":            a + "," + b,
		"by spaces":            " " + a + "\t" + b,
	} {
		ids, err := seal.ParseIdentities(text)
		if err != nil || len(ids) != 2 {
			t.Errorf("%s: %d identities, %v", name, len(ids), err)
			continue
		}
		to, err := seal.RecipientsOf(ids)
		if err != nil || len(to) != 2 {
			t.Errorf("%s: %d recipients, %v", name, len(to), err)
		}
	}
	if to, err := seal.ParseRecipients(ra + "\n" + rb); err != nil || len(to) != 2 {
		t.Errorf("%d recipients, %v", len(to), err)
	}
	// Errors do not quote the input, because it may be most of a secret.
	for _, bad := range []string{"", "# nothing", a[:len(a)-1], a + "x", "AGE-SECRET-KEY-1", ra} {
		_, err := seal.ParseIdentities(bad)
		if err == nil {
			t.Errorf("identity %q is accepted", bad)
		} else if len(bad) > 20 && strings.Contains(err.Error(), bad[17:]) {
			t.Errorf("the error tells the secret: %v", err)
		}
	}
	if _, err := seal.ParseRecipients(a); err == nil || strings.Contains(err.Error(), a[20:]) {
		t.Errorf("an identity in place of a recipient: %v", err)
	}
	if _, err := seal.RecipientsOf(nil); err == nil {
		t.Error("no identities have recipients")
	}
}

func FuzzOpen(f *testing.F) {
	ids, to := pair(f)
	sealed, err := seal.Seal(to, "label", []byte("secret"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte("age-encryption.org/v1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := seal.Open(ids, "label", data)
		if err == nil && (!bytes.Equal(data, sealed) || string(got) != "secret") {
			t.Fatalf("%x opens as %q", data, got)
		}
	})
}
