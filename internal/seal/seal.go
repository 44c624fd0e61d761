// Package seal encrypts the secrets that are stored at rest: webhook secrets,
// callback secrets, provider and meeting credentials. A ciphertext is bound by
// associated data to the cell that it was made for (team, table, row, column),
// so that whoever can write to the database cannot move one secret into
// another row and have it used there.
//
// It must not know what the secrets are for, and must not log or print one.
package seal

import (
	"encoding/base64"
	"encoding/binary"
	"strings"

	"steno/internal/fail"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// version is the first part of every sealed text: the layout of the
// associated data and the encoding. A new layout gets a new number, and Open
// goes on reading the old one.
const version = "s1."

// Context is the cell that holds a ciphertext. Every field is part of the
// authentication: opening with another context fails.
type Context struct {
	Team   string // team id; empty for what belongs to no team
	Table  string
	Row    string // the row's id
	Column string
}

// bytes encodes the context without ambiguity: each field with its length in
// front, so that ("ab","c") and ("a","bc") differ.
func (c Context) bytes() []byte {
	out := []byte(version)
	for _, f := range []string{c.Team, c.Table, c.Row, c.Column} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(f)))
		out = append(out, f...)
	}
	return out
}

// Sealer seals and opens with the server's keys: the first key seals, all of
// them open. It is safe for concurrent use.
type Sealer struct {
	aead tink.AEAD
	raw  [][]byte // key material, primary first: what Derive starts from
}

// newSealer makes a Sealer of a keyset.
func newSealer(h *keyset.Handle, raw [][]byte) (*Sealer, error) {
	a, err := aead.New(h)
	if err != nil {
		return nil, fail.Wrap(err, fail.Invalid, CodeBadKey, "use the secret key")
	}
	return &Sealer{aead: a, raw: raw}, nil
}

// Seal encrypts plaintext for the cell c and returns text that is safe to
// store in a TEXT column.
func (s *Sealer) Seal(c Context, plaintext []byte) (string, error) {
	ct, err := s.aead.Encrypt(plaintext, c.bytes())
	if err != nil {
		return "", fail.Wrap(err, fail.Internal, CodeRefused, "seal a secret of %s.%s", c.Table, c.Column)
	}
	return version + base64.RawURLEncoding.EncodeToString(ct), nil
}

// Open decrypts what Seal returned for the same cell. Anything else (another
// cell's text, a truncated or altered one, a retired key) is refused with the
// code CodeRefused and no detail about which it was.
func (s *Sealer) Open(c Context, sealed string) ([]byte, error) {
	body, ok := strings.CutPrefix(sealed, version)
	if !ok {
		return nil, refused(c)
	}
	// Strict: a text with stray bits in its last character or with line breaks
	// inside is not what Seal wrote.
	if strings.ContainsAny(body, "\r\n") {
		return nil, refused(c)
	}
	ct, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return nil, refused(c)
	}
	pt, err := s.aead.Decrypt(ct, c.bytes())
	if err != nil {
		return nil, refused(c)
	}
	return pt, nil
}

// refused is the one answer to everything that does not open.
func refused(c Context) error {
	return fail.New(fail.Internal, CodeRefused,
		"the secret in %s.%s does not open: it was altered, moved, or sealed with a key that is not configured", c.Table, c.Column)
}
