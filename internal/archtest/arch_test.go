// Package archtest holds the import table of the program as a test: which room
// may lean on which. A forbidden edge fails with the reason why it is one.
package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"strings"
	"testing"
)

// rule forbids imports from packages that match From to packages that match
// To. Patterns are paths below the module; "x/..." takes in everything below,
// a leading "!" in Except takes a package out.
type rule struct {
	from   []string
	to     []string
	except []string // importers that may
	why    string
}

var rooms = []string{"internal/bot", "internal/meeting", "internal/webhook", "internal/artifact", "internal/account", "internal/calendar", "internal/calendar/unified", "internal/quota", "internal/zoom", "internal/transcript"}

var rules = []rule{
	{
		from: []string{"internal/api/..."}, to: []string{"internal/store/..."},
		why: "a handler decodes, calls one domain method and encodes; SQL stays behind the rooms",
	},
	{
		from: []string{"internal/api/admin/..."}, to: []string{"internal/api/v1/...", "internal/api/v2/...", "internal/api/unified/...", "internal/api/push/...", "internal/api/artifacts/..."},
		why: "surfaces do not import each other: what operators see must not change when the API does",
	},
	{
		from: []string{"internal/api/v1/...", "internal/api/v2/...", "internal/api/unified/...", "internal/api/push/...", "internal/api/artifacts/..."}, to: []string{"internal/api/admin/..."},
		why: "surfaces do not import each other: nothing of the API leads to what is for operators only",
	},
	{
		from: []string{"internal/api/v1/...", "internal/api/unified/..."}, to: []string{"internal/api/v2/..."},
		why: "surfaces do not import each other: what they share is in api/door and api/httpx",
	},
	{
		from: []string{"internal/api/v2/...", "internal/api/unified/..."}, to: []string{"internal/api/v1/..."},
		why: "surfaces do not import each other: what they share is in api/door and api/httpx",
	},
	{
		from: []string{"internal/api/door/...", "internal/api/httpx/..."}, to: []string{"internal/api/v1/...", "internal/api/v2/...", "internal/api/admin/...", "internal/api/push/..."},
		why: "what surfaces share knows none of them",
	},
	{
		from: []string{"internal/runtime/session/...", "internal/record/...", "internal/browser/...", "internal/platform/...", "internal/stream/..."},
		to:   []string{"internal/store/...", "internal/job/...", "internal/seal/...", "internal/account/...", "internal/api/..."},
		why:  "a bot process holds no database handle and no secret but its own; that is why `steno record` works without a server",
	},
	{
		from: []string{"internal/..."}, to: []string{"lab/...", "simulator/...", "test/..."},
		except: []string{"internal/app/...", "internal/archtest/..."},
		why:    "product code must not know its test doubles",
	},
	{
		from: []string{"internal/..."}, to: []string{"simulator/..."},
		except: []string{"internal/archtest/..."},
		why:    "the product talks to a simulator as to the real service: over HTTP",
	},
	{
		from: []string{"simulator/..."},
		to:   []string{"internal/calendar/...", "internal/transcript/...", "internal/record/...", "internal/provider/...", "internal/meeting/...", "internal/store/...", "internal/api/...", "internal/app/..."},
		why:  "simulators and the product's clients meet at the protocol only; what they shared would be wrong in both",
	},
	{
		from: []string{"internal/provider/..."},
		to:   []string{"internal/store/...", "internal/job/...", "internal/seal/...", "internal/api/...", "internal/meeting/...", "internal/bot/..."},
		why:  "a client of a calendar service translates between its protocol and the room; what is stored, queued or joined is decided elsewhere",
	},
	{
		from: []string{"internal/..."}, to: []string{"internal/app/..."},
		why: "app wires everything; nothing may lean on the wiring",
	},
	{
		from: []string{"internal/browser/..."}, to: []string{"internal/record/...", "internal/runtime/..."},
		why: "the browser knows nothing of meetings and recordings",
	},
	{
		from: []string{"internal/platform/..."}, to: []string{"internal/record/...", "internal/runtime/..."},
		why: "an adapter reports what a page shows; it does not record and does not decide",
	},
}

// mayLean lists the one room that another may lean on, with the reason.
var mayLean = map[string]string{
	"internal/calendar/unified -> internal/calendar": "the unified calendar is another view of the same connections and events, and writes through the sync engine",
	"internal/bot -> internal/meeting":               "a bot is in a meeting; the types of package meeting are pure values",
	"internal/bot -> internal/transcript":            "what was said in a bot's meeting, and the parts of it that services have, are pure values",
}

type listed struct {
	ImportPath string
	Imports    []string
}

func TestImportsFollowTheTable(t *testing.T) {
	packages := list(t)
	if len(packages) < 5 {
		t.Fatalf("go list found %d packages; expected the whole program", len(packages))
	}
	for _, p := range packages {
		for _, imp := range p.Imports {
			for _, r := range rules {
				if matchAny(r.from, p.ImportPath) && matchAny(r.to, imp) && !matchAny(r.except, p.ImportPath) {
					t.Errorf("%s imports %s: %s", p.ImportPath, imp, r.why)
				}
			}
			if room(p.ImportPath) && room(imp) && p.ImportPath != imp && mayLean[p.ImportPath+" -> "+imp] == "" {
				t.Errorf("%s imports %s: rooms do not import each other; pass a small interface in package app", p.ImportPath, imp)
			}
		}
	}
}

func TestOnlyTheGuardDialsOut(t *testing.T) {
	allowed := []string{"internal/netguard/...", "internal/browser/...", "internal/blob/...", "internal/api/...", "internal/app/...", "internal/deliver/...", "internal/record/...",
		"internal/provider/...", // speaks HTTP through the clients of netguard.Service; see TestProvidersBuildNoTransport
		"internal/webhook/..."}  // only for the type http.Header, which signatures are written to
	for _, p := range list(t) {
		if !strings.HasPrefix(p.ImportPath, "internal/") || matchAny(allowed, p.ImportPath) {
			continue
		}
		for _, imp := range p.Imports {
			if imp == "net/http" {
				t.Errorf("%s imports net/http: outgoing requests go through netguard, incoming ones through internal/api", p.ImportPath)
			}
		}
	}
}

// The one http.Client that package provider/google builds has our own
// call.Transport in it, which hands every request to the client of a
// netguard.Service.
func TestProvidersBuildNoTransport(t *testing.T) {
	out, err := exec.Command("grep", "-rnE", `http\.(DefaultClient|DefaultTransport|Transport\{|Get\(|Post\(|PostForm\()|net\.Dial|tls\.`, "--include=*.go", "--exclude=*_test.go", "../provider", "../stream").Output()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
		t.Fatalf("grep: %v", err)
	}
	if len(out) > 0 {
		t.Errorf("a provider or a stream calls past netguard:\n%s", out)
	}
}

// list returns the program's packages with their non-test imports, paths cut
// to below the module.
func list(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "steno/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, "steno/")
		for i, imp := range p.Imports {
			p.Imports[i] = strings.TrimPrefix(imp, "steno/")
		}
		all = append(all, p)
	}
}

func room(p string) bool { return matchAny(rooms, p) }

func matchAny(patterns []string, p string) bool {
	for _, pattern := range patterns {
		if base, ok := strings.CutSuffix(pattern, "/..."); ok {
			if p == base || strings.HasPrefix(p, base+"/") {
				return true
			}
			continue
		}
		if ok, _ := path.Match(pattern, p); ok {
			return true
		}
	}
	return false
}
