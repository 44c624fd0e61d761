package deliver

import (
	"os"
	"testing"

	"steno/internal/store/storetest"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		stormChild()
		return
	}
	os.Exit(storetest.Main(m))
}
