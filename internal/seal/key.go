package seal

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"steno/internal/fail"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
)

// Error codes of this package.
const (
	CodeBadKey  = "SECRET_KEY_INVALID"
	CodeRefused = "SECRET_REFUSED"
)

// keySize is AES-256.
const keySize = 32

// FileName is the key file inside the data folder, used when no key is
// configured.
const FileName = "secret.key"

// Load returns the server's Sealer. configured is the value of
// STENO_SECRET_KEY: one or more base64 keys of 32 bytes separated by commas
// (the first seals, the others only open: put the new one in front to rotate),
// or a Tink keyset of AES-GCM keys as JSON. If it is empty, the key is read
// from <dataDir>/secret.key, which is made (mode 0600) on the first start.
func Load(configured, dataDir string) (*Sealer, error) {
	if strings.TrimSpace(configured) != "" {
		return Parse(configured)
	}
	path := filepath.Join(dataDir, FileName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createKeyFile(path); err != nil {
			return nil, fail.Wrap(err, fail.Unavailable, CodeBadKey, "create the key file %s", path)
		}
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fail.Wrap(err, fail.Unavailable, CodeBadKey, "read the key file %s", path)
	}
	return Parse(string(text))
}

// Parse makes a Sealer of a configured key; see Load for the forms.
func Parse(text string) (*Sealer, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "{") {
		return parseKeyset(text)
	}
	var raw [][]byte
	for part := range strings.SplitSeq(text, ",") {
		key, err := decodeKey(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		raw = append(raw, key)
	}
	return fromRaw(raw)
}

// decodeKey reads one key in any of the usual base64 spellings. The error
// never repeats the text.
func decodeKey(text string) ([]byte, error) {
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if key, err := enc.DecodeString(text); err == nil && len(key) == keySize {
			return key, nil
		}
	}
	return nil, fail.New(fail.Invalid, CodeBadKey,
		"the secret key must be %d bytes in base64 (make one with: openssl rand -base64 32), or a Tink keyset", keySize)
}

// fromRaw builds a keyset of plain keys, the first of them primary. A key's id
// is taken from its hash, so that a ciphertext finds its key whatever the
// order in the configuration.
func fromRaw(raw [][]byte) (*Sealer, error) {
	params, err := aesgcm.NewParameters(aesgcm.ParametersOpts{
		KeySizeInBytes: keySize, IVSizeInBytes: 12, TagSizeInBytes: 16, Variant: aesgcm.VariantTink,
	})
	if err != nil {
		return nil, fmt.Errorf("describe AES-GCM: %w", err)
	}
	m := keyset.NewManager()
	for i, key := range raw {
		sum := sha256.Sum256(append([]byte("steno key id"), key...))
		k, err := aesgcm.NewKey(secretdata.NewBytesFromData(key, insecuresecretdataaccess.Token{}), binary.BigEndian.Uint32(sum[:4]), params)
		if err != nil {
			return nil, fail.Wrap(err, fail.Invalid, CodeBadKey, "use secret key number %d", i+1)
		}
		id, err := m.AddKey(k)
		if err != nil {
			return nil, fail.Wrap(err, fail.Invalid, CodeBadKey, "add secret key number %d (is it listed twice?)", i+1)
		}
		if i == 0 {
			if err := m.SetPrimary(id); err != nil {
				return nil, fmt.Errorf("choose the primary key: %w", err)
			}
		}
	}
	h, err := m.Handle()
	if err != nil {
		return nil, fmt.Errorf("build the keyset: %w", err)
	}
	return newSealer(h, raw)
}

// parseKeyset reads a cleartext Tink keyset in JSON.
func parseKeyset(text string) (*Sealer, error) {
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(strings.NewReader(text)))
	if err != nil {
		// The cause may quote the input, which is the secret itself.
		return nil, fail.New(fail.Invalid, CodeBadKey, "the secret key looks like JSON but is not a Tink keyset")
	}
	var raw [][]byte
	for i := range h.Len() {
		e, err := h.Entry(i)
		if err != nil {
			return nil, fmt.Errorf("read the keyset: %w", err)
		}
		if e.KeyStatus() != keyset.Enabled {
			continue
		}
		k, ok := e.Key().(*aesgcm.Key)
		if !ok {
			return nil, fail.New(fail.Invalid, CodeBadKey, "the keyset must hold AES-GCM keys only")
		}
		material := k.KeyBytes().Data(insecuresecretdataaccess.Token{})
		if e.IsPrimary() {
			raw = append([][]byte{material}, raw...)
		} else {
			raw = append(raw, material)
		}
	}
	return newSealer(h, raw)
}

// Derive returns keys of 32 bytes for another purpose (signing artifact URLs,
// for example), one per configured key, primary first: use the first and
// accept all of them, so that rotating the secret key invalidates nothing at
// once. Different purposes give unrelated keys.
func (s *Sealer) Derive(purpose string) ([][]byte, error) {
	out := make([][]byte, 0, len(s.raw))
	for _, key := range s.raw {
		d, err := hkdf.Key(sha256.New, key, nil, "steno/"+purpose, keySize)
		if err != nil {
			return nil, fmt.Errorf("derive the key for %s: %w", purpose, err)
		}
		out = append(out, d)
	}
	return out, nil
}

// createKeyFile writes a fresh key with mode 0600. It is written beside and
// linked into place, so that a crash leaves either no key or a whole one, and
// of two servers that start together one wins and both use its key.
func createKeyFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	key := make([]byte, keySize)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	var text bytes.Buffer
	text.WriteString(base64.StdEncoding.EncodeToString(key))
	text.WriteByte('\n')
	tmp, err := os.CreateTemp(filepath.Dir(path), FileName+".*") // CreateTemp uses mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(text.Bytes())
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a new directory entry durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
