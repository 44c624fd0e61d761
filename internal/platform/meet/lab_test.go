package meet

import (
	"testing"

	"steno/internal/bot"
	"steno/internal/platform"
	"steno/internal/platform/platformtest"
	"steno/lab"
	"steno/lab/labtest"
)

// The adapter against the lab's page in a real browser.
func TestConformance(t *testing.T) {
	platformtest.Run(t, platformtest.Suite{
		Adapter: func() platform.Adapter { return New() }, Page: labtest.OnePage(t), Stage: labtest.Start(t, lab.Meet), Mode: bot.SpeakerView,
	})
}
