package account

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"
)

// An operator's key is the operator's own choice, so that it must be long: at
// least so many characters. Instead of the key its hash may be configured, as
// sha256:<hex>.
const (
	minAdminKey = 32
	hashPrefix  = "sha256:"
)

// Operators recognises who may use the admin API by their keys. The zero value
// recognises nobody. It keeps only hashes.
type Operators struct{ hashes [][sha256.Size]byte }

// NewOperators reads the configured keys, each a key or its hash. Its error
// does not repeat them.
func NewOperators(configured []string) (Operators, error) {
	var o Operators
	for i, text := range configured {
		text = strings.TrimSpace(text)
		digits, isHash := strings.CutPrefix(text, hashPrefix)
		if !isHash {
			if len(text) < minAdminKey {
				return Operators{}, fmt.Errorf("admin key %d has less than %d characters; steno key admin makes a good one", i+1, minAdminKey)
			}
			o.hashes = append(o.hashes, sha256.Sum256([]byte(text)))
			continue
		}
		raw, err := hex.DecodeString(digits)
		if err != nil || len(raw) != sha256.Size {
			return Operators{}, fmt.Errorf("admin key %d is not %s and 64 hexadecimal digits", i+1, hashPrefix)
		}
		o.hashes = append(o.hashes, [sha256.Size]byte(raw))
	}
	return o, nil
}

// Any reports whether there is a key at all.
func (o Operators) Any() bool { return len(o.hashes) > 0 }

// Recognise reports whether the key is one of the operators'. It takes the same
// time for every key.
func (o Operators) Recognise(key string) bool {
	sum, found := sha256.Sum256([]byte(key)), 0
	for i := range o.hashes {
		found |= subtle.ConstantTimeCompare(sum[:], o.hashes[i][:])
	}
	return found == 1
}

// NewAdminKey makes a key for the admin API, and the hash that may be configured
// in its place.
func NewAdminKey() (key, hashed string) {
	key = adminPrefix + strings.TrimPrefix(newKey(), keyPrefix)
	sum := sha256.Sum256([]byte(key))
	return key, hashPrefix + hex.EncodeToString(sum[:])
}

// adminPrefix tells an operator's key from a team's.
const adminPrefix = "sta_"
