package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"steno/internal/bot"
	"steno/internal/platform"
)

const (
	evidenceLimit = 4 * time.Second
	evidenceMax   = 20 // files; a bot that fails over and over must not fill the disk
)

// proof is what the page last showed, and whether it said itself that the bot is
// out.
type proof struct {
	Stage   platform.Stage `json:"stage"`
	Stated  bool           `json:"stated_by_page"`
	Code    bot.EndCode    `json:"code,omitempty"`
	Reason  string         `json:"reason,omitempty"`
	Signals []string       `json:"signals"`
}

// witness takes note of a look at the page.
func (v *visit) witness(o platform.Observation) {
	v.proof = proof{Stage: o.Stage, Signals: o.Signals, Stated: o.Stage == platform.StageEnded, Code: o.Code, Reason: o.Reason}
}

// keepEvidence saves what the page looked like when something went wrong, or
// when it was the page that said that the bot is out.
func (v *visit) keepEvidence(ctx context.Context, result verdict, err error) {
	code, recorded := result.code, v.s.diary.recorded()
	if !recorded {
		code = early(code)
	}
	wrong := err != nil || outcome(code, recorded) == bot.Failed
	if !wrong && !v.proof.Stated || result.code == bot.EndAPIRequest || result.code == bot.EndSIGTERM {
		return
	}
	dir := filepath.Join(v.s.opt.Folder, EvidenceDir)
	have, _ := os.ReadDir(dir)
	if len(have) >= evidenceMax || os.MkdirAll(dir, 0o700) != nil {
		return
	}
	stem := v.s.clock.Now().Format("150405.000")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), evidenceLimit)
	defer cancel()
	v.proof.Code, v.proof.Reason = code, result.message
	if err != nil {
		v.proof.Reason = err.Error()
	}
	if b, err := json.MarshalIndent(v.proof, "", "  "); err == nil {
		v.save(stem+"-end.json", append(b, '\n'))
	}
	if lines := v.page.Console(); len(lines) > 0 {
		v.save(stem+"-console.log", []byte(strings.Join(lines, "\n")+"\n"))
	}
	var l *loss
	if errors.As(err, &l) {
		return // the page is gone or hangs, and the bot must be back soon
	}
	if png, err := v.page.Screenshot(ctx); err == nil {
		v.save(stem+"-page.png", png)
	}
	var html string
	if err := v.page.Eval(ctx, "document.documentElement.outerHTML", &html); err == nil {
		v.save(stem+"-page.html", []byte(html))
	}
}

func (v *visit) save(name string, content []byte) {
	path := filepath.Join(EvidenceDir, name)
	if err := os.WriteFile(filepath.Join(v.s.opt.Folder, path), content, 0o600); err != nil {
		v.s.log.Warn("cannot keep evidence", "error", err)
		return
	}
	v.s.diary.note(fmt.Sprintf("evidence: %s", name), path)
}
