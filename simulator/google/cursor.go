package google

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/url"
	"slices"
	"strings"
)

// cursor is what a sync or page token means. The tokens of the real service
// are opaque; so are these.
type cursor struct {
	Kind     string `json:"k"` // "sync", "page"
	Calendar string `json:"c"`
	Params   string `json:"p"` // fingerprint of the parameters of the first call
	Epoch    int64  `json:"e,omitempty"`
	// From and To are revisions: an incremental round lists what changed after
	// From up to To. A full round begins its increments at To.
	From int64 `json:"f,omitempty"`
	To   int64 `json:"t"`
	// At is the position: in a full round the item, in an incremental one the
	// change; Sub the occurrence or exception within.
	At  int64 `json:"a,omitempty"`
	Sub int   `json:"s,omitempty"`
	// Inc: a page of an incremental round; its sync token must come along.
	Inc bool `json:"i,omitempty"`
}

func (c cursor) String() string {
	data, _ := json.Marshal(c)
	return base64.RawURLEncoding.EncodeToString(data) + "="
}

func parseCursor(s, kind string) (cursor, bool) {
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	if err != nil {
		return cursor{}, false
	}
	var c cursor
	return c, json.Unmarshal(data, &c) == nil && c.Kind == kind
}

// forbidden parameters beside a sync token.
var forbidden = []string{"iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "timeMin", "timeMax", "updatedMin"}

// loose parameters may differ between the calls of one round.
var loose = []string{"syncToken", "pageToken", "maxResults", "alt", "prettyPrint", "key", "fields", "quotaUser", "access_token", "showDeleted"}

// fingerprint of the parameters that must stay what they were in the first
// call of a sync (all) or of a page (all but the loose ones).
func fingerprint(q url.Values, page bool) string {
	var parts []string
	for k, v := range q {
		if slices.Contains(loose, k) || !page && slices.Contains(forbidden, k) {
			continue
		}
		v = slices.Clone(v)
		slices.Sort(v)
		parts = append(parts, k+"="+strings.Join(v, ","))
	}
	slices.Sort(parts)
	h := fnv.New64a()
	h.Write([]byte(strings.Join(parts, "&")))
	return fmt.Sprintf("%x", h.Sum64())
}
