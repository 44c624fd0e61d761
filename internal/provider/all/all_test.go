package all

import (
	"testing"

	"steno/internal/calendar"
	"steno/internal/clock"
)

func TestEveryServiceIsThereUnderItsOwnName(t *testing.T) {
	services, closeAll, err := New(Options{Clock: clock.System{}})
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll()
	for _, name := range []calendar.Platform{calendar.Google, calendar.Microsoft} {
		if s := services[name]; s == nil || s.Platform() != name || s.Traits().ChannelLife == 0 {
			t.Errorf("%s: %v", name, s)
		}
	}
}

func TestAnAddressThatIsNoneIsAnErrorAtStart(t *testing.T) {
	for _, o := range []Options{{GoogleAPI: "x"}, {GoogleToken: "ftp://x"}, {MicrosoftGraph: "http://u:p@x"}, {MicrosoftLogin: ":"}} {
		o.Clock = clock.System{}
		if _, _, err := New(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
