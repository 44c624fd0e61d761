package postgres_test

import (
	"os"
	"testing"

	"steno/internal/store/postgres"
	"steno/internal/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// Our queries are short; compiling one takes longer than running it. Whoever wants
// it says so in the URL.
func TestQueriesAreNotCompiledUnlessTheURLSaysSo(t *testing.T) {
	url := storetest.PostgresURL(t)
	for more, want := range map[string]string{"": "off", "&jit=on": "on", "&options=-c%20jit%3Don": "on", "&application_name=jit": "off"} {
		h, err := postgres.Open(t.Context(), url+more)
		if err != nil {
			t.Fatal(err)
		}
		var jit string
		if err := h.SQL.QueryRowContext(t.Context(), "SHOW jit").Scan(&jit); err != nil || jit != want {
			t.Errorf("%q: jit is %q, want %q, %v", more, jit, want, err)
		}
		if err := h.SQL.Close(); err != nil {
			t.Error(err)
		}
		h.Pool.Close()
	}
}
