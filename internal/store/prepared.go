package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// maxPrepared bounds the statements that are kept: list filters can be combined
// in many ways, of which few are in use at a time.
const maxPrepared = 128

// prepared keeps statements parsed. SQLite parses a statement anew each time it
// is run otherwise, which takes as long as running it; pgx does the same for
// PostgreSQL by itself.
type prepared struct {
	db *sql.DB

	mu   sync.RWMutex
	stmt map[string]*sql.Stmt
}

// get returns the prepared statement, or nil when there is no room for it.
func (p *prepared) get(ctx context.Context, query string) (*sql.Stmt, error) {
	p.mu.RLock()
	s, full := p.stmt[query], len(p.stmt) >= maxPrepared
	p.mu.RUnlock()
	if s != nil || full {
		return s, nil
	}
	s, err := p.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if other := p.stmt[query]; other != nil {
		return other, s.Close()
	}
	p.stmt[query] = s
	return s, nil
}

// close closes all statements.
func (p *prepared) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	for _, s := range p.stmt {
		err = errors.Join(err, s.Close())
	}
	p.stmt = map[string]*sql.Stmt{}
	return err
}
