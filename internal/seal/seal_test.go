package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"steno/internal/fail"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

var cell = Context{Team: "t1", Table: "bots", Row: "b1", Column: "callback_secret"}

func newKey(t *testing.T) string {
	t.Helper()
	b := make([]byte, keySize)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}

func sealerOf(t *testing.T, keys ...string) *Sealer {
	t.Helper()
	s, err := Parse(strings.Join(keys, ","))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustSeal(t *testing.T, s *Sealer, c Context, text string) string {
	t.Helper()
	out, err := s.Seal(c, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSealedTextOpensToWhatItWas(t *testing.T) {
	s := sealerOf(t, newKey(t))
	for _, text := range []string{"", "x", "hunter2", strings.Repeat("long ", 10_000)} {
		sealed := mustSeal(t, s, cell, text)
		// A single letter stands in most base64 by chance.
		if len(text) > 1 && strings.Contains(sealed, text) {
			t.Fatal("the sealed text shows the secret")
		}
		got, err := s.Open(cell, sealed)
		if err != nil || string(got) != text {
			t.Fatalf("open: %d bytes, %v", len(got), err)
		}
	}
	if mustSeal(t, s, cell, "same") == mustSeal(t, s, cell, "same") {
		t.Fatal("equal secrets have equal ciphertexts")
	}
}

// Proves A6: a ciphertext that was swapped with another row's, column's,
// table's or team's is refused.
func TestSwappedCellsAreRefused(t *testing.T) {
	s := sealerOf(t, newKey(t))
	sealed := mustSeal(t, s, cell, "secret")
	others := []Context{
		{},
		{Team: "t2", Table: "bots", Row: "b1", Column: "callback_secret"},
		{Team: "t1", Table: "webhook_endpoints", Row: "b1", Column: "callback_secret"},
		{Team: "t1", Table: "bots", Row: "b2", Column: "callback_secret"},
		{Team: "t1", Table: "bots", Row: "b1", Column: "other"},
		{Team: "t1b", Table: "ots", Row: "b1", Column: "callback_secret"}, // same text when joined
		{Team: "t1", Table: "botsb1", Row: "", Column: "callback_secret"},
	}
	for _, c := range others {
		mustRefuse(t, s, c, sealed)
	}
}

// Proves A6: every truncation and every flipped bit is refused.
func TestDamagedCiphertextsAreRefused(t *testing.T) {
	s := sealerOf(t, newKey(t))
	sealed := mustSeal(t, s, cell, "secret")
	for n := range len(sealed) {
		mustRefuse(t, s, cell, sealed[:n])
	}
	for i := range len(sealed) {
		for bit := range 8 {
			b := []byte(sealed)
			b[i] ^= 1 << bit
			mustRefuse(t, s, cell, string(b))
		}
	}
	for _, text := range []string{"", "s1.", "s2." + sealed[3:], sealed + "A", sealed + "\n", sealed + "==", " " + sealed, "hunter2"} {
		mustRefuse(t, s, cell, text)
	}
}

func mustRefuse(t *testing.T, s *Sealer, c Context, sealed string) {
	t.Helper()
	got, err := s.Open(c, sealed)
	if err == nil {
		t.Fatalf("opened %q in %+v: %q", sealed, c, got)
	}
	if e := fail.As(err); e == nil || e.Code != CodeRefused {
		t.Fatalf("error %v has not the code %s", err, CodeRefused)
	}
}

func TestRotationOpensOldTextsUntilTheOldKeyGoes(t *testing.T) {
	oldKey, newOne := newKey(t), newKey(t)
	sealed := mustSeal(t, sealerOf(t, oldKey), cell, "secret")
	both := sealerOf(t, newOne, oldKey)
	if got, err := both.Open(cell, sealed); err != nil || string(got) != "secret" {
		t.Fatalf("during rotation: %q, %v", got, err)
	}
	fresh := mustSeal(t, both, cell, "secret")
	if _, err := sealerOf(t, newOne).Open(cell, fresh); err != nil {
		t.Fatalf("the first key did not seal: %v", err)
	}
	// A6: what an old key sealed cannot be replayed once that key is retired.
	mustRefuse(t, sealerOf(t, newOne), cell, sealed)
}

func TestDerivedKeysDependOnPurposeAndFollowRotation(t *testing.T) {
	a, b := newKey(t), newKey(t)
	one, err := sealerOf(t, a).Derive("artifact-url")
	if err != nil {
		t.Fatal(err)
	}
	other, _ := sealerOf(t, a).Derive("something-else")
	two, _ := sealerOf(t, b, a).Derive("artifact-url")
	if bytes.Equal(one[0], other[0]) {
		t.Fatal("two purposes share a key")
	}
	if len(two) != 2 || !bytes.Equal(two[1], one[0]) || bytes.Equal(two[0], one[0]) {
		t.Fatal("the old key's derivation must come second after a rotation")
	}
}

func TestFirstStartMakesAPrivateKeyFileAndLaterStartsUseIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, err := Load("", dir)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, FileName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("key file: %v, %v", info, err)
	}
	sealed := mustSeal(t, first, cell, "secret")
	second, err := Load("", dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Open(cell, sealed); err != nil {
		t.Fatalf("second start: %v", err)
	}
	left, _ := os.ReadDir(dir)
	if len(left) != 1 {
		t.Fatalf("left behind: %v", left)
	}
}

func TestTinkKeysetsAreAccepted(t *testing.T) {
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&text)); err != nil {
		t.Fatal(err)
	}
	s, err := Parse(text.String())
	if err != nil {
		t.Fatal(err)
	}
	sealed := mustSeal(t, s, cell, "secret")
	if got, err := s.Open(cell, sealed); err != nil || string(got) != "secret" {
		t.Fatalf("%q, %v", got, err)
	}
	if keys, err := s.Derive("x"); err != nil || len(keys) != 1 {
		t.Fatalf("derive: %v, %v", keys, err)
	}
}

func TestBadKeysAreRefusedWithoutRepeatingThem(t *testing.T) {
	key := newKey(t)
	for _, text := range []string{"canary", "Y2FuYXJ5", key + "," + key, key + ",", `{"canary":1}`, strings.Repeat("A", 100)} {
		_, err := Parse(text)
		if e := fail.As(err); e == nil || e.Code != CodeBadKey {
			t.Fatalf("%q: %v", text, err)
		}
		if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), key) {
			t.Fatalf("the error shows the key: %v", err)
		}
	}
}
