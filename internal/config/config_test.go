package config

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func parse(t *testing.T, file string, args ...string) (Serve, error) {
	t.Helper()
	var s Serve
	options := []kong.Option{kong.Vars{"data": "/data"}, kong.DefaultEnvars("STENO"), kong.Exit(func(int) {})}
	if file != "" {
		r, err := YAML(strings.NewReader(file))
		if err != nil {
			return s, err
		}
		options = append(options, kong.Resolvers(r))
	}
	p, err := kong.New(&s, options...)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Parse(args)
	return s, err
}

func TestFlagWinsOverEnvironmentWinsOverFile(t *testing.T) {
	t.Setenv("STENO_MAX_BOTS", "3")
	t.Setenv("STENO_ALLOW_PRIVATE_TARGETS", "10.0.0.0/8,127.0.0.1")
	s, err := parse(t, "max_bots: 2\nlisten: 0.0.0.0:1\ngalene-host: [a.example, b.example:8443]\n", "--listen", "127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	if s.Listen != "127.0.0.1:9" || s.MaxBots != 3 || len(s.GaleneHost) != 2 || s.Data != "/data" {
		t.Errorf("got %+v", s)
	}
	nets, err := s.PrivateTargets()
	if err != nil || len(nets) != 2 || nets[1].String() != "127.0.0.1/32" {
		t.Errorf("private targets %v, %v", nets, err)
	}
	if !s.Has("api") || !s.Has("bots") || s.Has("cook") {
		t.Errorf("roles %v", s.Roles)
	}
}

func TestMistakesNameTheOption(t *testing.T) {
	for _, c := range []struct {
		file, want string
		args       []string
	}{
		{want: "--public-url", args: []string{"--public-url", "example.org"}},
		{want: "--allow-private-targets", args: []string{"--allow-private-targets", "ten"}},
		{want: "--max-bots", args: []string{"--max-bots=-1"}},
		{want: "--jwt-audience", args: []string{"--jwt-issuer", "https://id.example"}},
		{want: "--jwt-issuer", args: []string{"--jwt-issuer", "id.example", "--jwt-audience", "steno"}},
		{want: "--jwt-issuer", args: []string{"--jwt-audience", "steno"}},
		{want: "max-botz", file: "max-botz: 1"},
		{want: "configuration file", file: ": : :"},
	} {
		if _, err := parse(t, c.file, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v %q: got %v, want something about %s", c.args, c.file, err, c.want)
		}
	}
}
