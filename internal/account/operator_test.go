package account_test

import (
	"strings"
	"testing"

	"steno/internal/account"
)

func TestOnlyConfiguredOperatorsAreRecognised(t *testing.T) {
	key, hashed := account.NewAdminKey()
	other, _ := account.NewAdminKey()
	second := strings.Repeat("k", 32)
	for _, configured := range [][]string{{key, second}, {hashed, second}, {" " + hashed + " ", second}} {
		o, err := account.NewOperators(configured)
		if err != nil {
			t.Fatal(err)
		}
		for text, want := range map[string]bool{key: true, second: true, other: false, "": false, hashed: false, key + " ": false, key[:len(key)-1]: false} {
			if o.Recognise(text) != want {
				t.Errorf("%d configured: %q is %v", len(configured), text, !want)
			}
		}
	}
	var nobody account.Operators
	if nobody.Any() || nobody.Recognise("") || !strings.HasPrefix(key, "sta_") {
		t.Error("an empty list recognises somebody")
	}
}

func TestBadAdminKeysAreRefusedWithoutRepeatingThem(t *testing.T) {
	for _, bad := range []string{"canary", "", "sha256:canary", "sha256:abcd"} {
		_, err := account.NewOperators([]string{bad})
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
