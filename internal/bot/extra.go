package bot

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
)

// MergeExtra puts the members of an object into a bot's extra, in any status;
// nil clears it. Messages that are made from now on carry the new value.
func (s *Service) MergeExtra(ctx context.Context, team, id string, change json.RawMessage) error {
	return s.Store.InTx(ctx, func(tx Tx) error {
		l, err := tx.Lock(ctx, team, id)
		if err != nil {
			return err
		}
		if l.Extra, err = merge(l.Extra, change); err != nil {
			return err
		}
		if len(l.Extra) > maxExtra {
			return Invalid(Issue{Pointer: "/extra", Rule: fmt.Sprintf("must have at most %d bytes as JSON, with what is there already", maxExtra)})
		}
		return tx.UpdateExtra(ctx, l.Bot)
	})
}

// merge is shallow: a member replaces its namesake as a whole.
func merge(old, change json.RawMessage) (json.RawMessage, error) {
	if change == nil {
		return nil, nil
	}
	all := map[string]json.RawMessage{}
	for _, part := range []json.RawMessage{old, change} {
		if part == nil {
			continue
		}
		if err := json.Unmarshal(part, &all); err != nil {
			return nil, fmt.Errorf("merge extra: %w", err)
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(all); err != nil {
		return nil, fmt.Errorf("merge extra: %w", err)
	}
	return bytes.TrimSpace(out.Bytes()), nil
}
