package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"steno/internal/bot"
	"steno/internal/record/journal"
)

// ShotsDir is where a bot's screenshots wait to be stored.
const ShotsDir = "screenshots"

// shotLimit bounds one screenshot: the page is not waited for.
const shotLimit = 2 * time.Second

// shoot takes a screenshot if one is due. One that fails is passed over: the
// next is not far.
func (v *visit) shoot(ctx context.Context, now time.Time) {
	s := v.s
	every := s.spec.Screenshots
	if every <= 0 || s.spec.Mode == bot.AudioOnly || now.Sub(v.lastShot) < every || s.diary.isPaused() {
		return
	}
	v.lastShot = now
	ctx, cancel := context.WithTimeout(ctx, shotLimit)
	defer cancel()
	jpeg, err := v.page.Shot(ctx)
	if err == nil {
		err = s.keepShot(jpeg)
	}
	if err != nil {
		s.log.Debug("no screenshot", "error", err)
	}
}

// keepShot writes a screenshot to the folder and then to the journal. Numbers
// go on where an earlier process stopped.
func (s *session) keepShot(jpeg []byte) error {
	var n int
	s.diary.look(func(m *memory) { n = m.shots + 1 })
	name := bot.ShotName(n)
	path := ShotsDir + "/" + name + ".jpg"
	if err := os.MkdirAll(filepath.Join(s.opt.Folder, ShotsDir), 0o700); err != nil {
		return fmt.Errorf("keep screenshot: %w", err)
	}
	if err := os.WriteFile(filepath.Join(s.opt.Folder, path), jpeg, 0o600); err != nil {
		return fmt.Errorf("keep screenshot: %w", err)
	}
	sum := sha256.Sum256(jpeg)
	s.diary.write(journal.Entry{Artifact: &journal.Artifact{
		Kind: bot.KindScreenshot, Path: path, Bytes: int64(len(jpeg)), SHA256: hex.EncodeToString(sum[:]), Name: name,
	}})
	return nil
}
