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

// Proves D6: every delivery verifies with three public libraries, the Go one of
// Standard Webhooks and the npm packages svix and standardwebhooks; during a
// rotation with the old and the new secret, after it with the new one only; and
// a single flipped bit does not.
func TestSignaturesVerifyWithPublicLibraries(t *testing.T) {
	db := storetest.SQLite(t) // what is signed does not depend on it
	b := newBench(db)
	s := newSink(t, nil)
	id, first := b.endpoint(s.URL)
	b.run(t, b.options())
	const each = 20
	phase := func(n int) {
		b.emit("bot ü 💡 </script>", each, each)
		waitFor(t, "the deliveries", func() bool { return len(s.requests()) == n*each })
	}
	phase(1)
	second, err := b.hooks.Rotate(t.Context(), team, id)
	must(err)
	phase(2)
	must(db.InTx(t.Context(), func(tx *store.Tx) error { // the window ends
		_, err := tx.Exec(t.Context(), `UPDATE webhook_endpoints SET old_secret_until = $1`, time.Now().Add(-time.Second).UnixMilli())
		return err
	}))
	phase(3)
	var cases []check
	for i, r := range s.requests() {
		withFirst, withSecond := i < 2*each, i >= each
		cases = append(cases, check{r, first, withFirst}, check{r, second, withSecond}, check{flipped(r), first, false}, check{flipped(r), second, false})
	}
	npm := verifyWithPackages(t, cases)
	for i, c := range cases {
		w, err := standardwebhooks.NewWebhook(c.secret)
		must(err)
		if err := w.Verify(c.request.body, c.request.header); (err == nil) != c.want {
			t.Errorf("case %d: the Go library says %v", i, err)
		}
		if err := webhook.Verify(c.secret, c.request.header, c.request.body); (err == nil) != c.want {
			t.Errorf("case %d: our own Verify says %v", i, err)
		}
		if npm[i].Svix != c.want || npm[i].StandardWebhooks != c.want {
			t.Errorf("case %d: the npm packages say %+v, want %v", i, npm[i], c.want)
		}
	}
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

// verdict is what the npm packages say.
type verdict struct {
	Svix             bool `json:"svix"`
	StandardWebhooks bool `json:"standardwebhooks"`
}

// verifyWithPackages asks the packages that `npm ci` puts into test/webhooks.
func verifyWithPackages(t *testing.T, cases []check) (out []verdict) {
	t.Helper()
	dir := filepath.Join("..", "..", "test", "webhooks")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "standardwebhooks", "package.json")); err != nil {
		if text, err := run(dir, "npm", "ci", "--no-audit", "--no-fund"); err != nil {
			t.Fatalf("this test needs Node.js and the packages svix and standardwebhooks; `npm ci` in test/webhooks failed: %v\n%s", err, text)
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
		for _, k := range []string{"id", "timestamp", "signature"} {
			h["svix-"+k], h["webhook-"+k] = c.request.header.Get("svix-"+k), c.request.header.Get("webhook-"+k)
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
