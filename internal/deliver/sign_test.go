package deliver

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/internal/webhook"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Proves D6: what a receiver is sent verifies with two public libraries, the
// Go one of Standard Webhooks and the svix package of npm; during a rotation
// with the old and the new secret, after it with the new one only; and a
// single flipped bit does not.
func TestSignaturesVerifyWithPublicLibraries(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newBench(db)
		s := newSink(t, nil)
		id, first := b.endpoint(s.URL)
		b.run(t, b.options())
		b.emit("bot ü 💡 </script>", 1, 1)
		waitFor(t, "the first", func() bool { return len(s.requests()) == 1 })
		second, err := b.hooks.Rotate(t.Context(), team, id)
		must(err)
		b.emit("bot", 1, 1)
		waitFor(t, "the second", func() bool { return len(s.requests()) == 2 })
		must(db.InTx(t.Context(), func(tx *store.Tx) error { // the window ends
			_, err := tx.Exec(t.Context(), `UPDATE webhook_endpoints SET old_secret_until = $1`, time.Now().Add(-time.Second).UnixMilli())
			return err
		}))
		b.emit("bot", 1, 1)
		waitFor(t, "the third", func() bool { return len(s.requests()) == 3 })

		got := s.requests()
		cases := []check{
			{got[0], first, true}, {got[0], second, false},
			{got[1], first, true}, {got[1], second, true},
			{got[2], first, false}, {got[2], second, true},
			{flipped(got[2]), second, false},
		}
		for i, c := range cases {
			w, err := standardwebhooks.NewWebhook(c.secret)
			must(err)
			if err := w.Verify(c.request.body, c.request.header); (err == nil) != c.want {
				t.Errorf("case %d: the Go library says %v", i, err)
			}
			if err := webhook.Verify(c.secret, c.request.header, c.request.body); (err == nil) != c.want {
				t.Errorf("case %d: our own Verify says %v", i, err)
			}
		}
		for i, ok := range verifyWithSvix(t, cases) {
			if ok != cases[i].want {
				t.Errorf("case %d: the svix package says %v", i, ok)
			}
		}
	})
}

type check struct {
	request request
	secret  string
	want    bool
}

func flipped(r request) request {
	r.body = bytes.Clone(r.body)
	r.body[len(r.body)/2] ^= 1
	return r
}

// verifyWithSvix asks the svix package, which `npm ci` puts into test/webhooks.
func verifyWithSvix(t *testing.T, cases []check) (out []bool) {
	t.Helper()
	dir := filepath.Join("..", "..", "test", "webhooks")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "svix")); err != nil {
		if text, err := run(dir, "npm", "ci", "--no-audit", "--no-fund"); err != nil {
			t.Fatalf("this test needs Node.js and the svix package; `npm ci` in test/webhooks failed: %v\n%s", err, text)
		}
	}
	type input struct {
		Secret  string            `json:"secret"`
		Body    string            `json:"body"`
		Headers map[string]string `json:"headers"`
	}
	var in []input
	for _, c := range cases {
		h := map[string]string{}
		for _, k := range []string{"svix-id", "svix-timestamp", "svix-signature"} {
			h[k] = c.request.header.Get(k)
		}
		in = append(in, input{c.secret, string(c.request.body), h})
	}
	text, err := json.Marshal(in)
	must(err)
	cmd := exec.Command("node", "verify.mjs")
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(text)
	answer, err := cmd.Output()
	if err != nil {
		t.Fatalf("node verify.mjs: %v", err)
	}
	must(json.Unmarshal(answer, &out))
	if len(out) != len(cases) {
		t.Fatalf("%d answers for %d cases", len(out), len(cases))
	}
	return out
}

func run(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}
