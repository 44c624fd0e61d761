package storetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// URLVariable names a PostgreSQL server on which tests may create databases. If
// it is not set they start a server of their own.
const URLVariable = "STENO_TEST_POSTGRES"

var (
	serverOnce sync.Once
	serverURL  string
	serverErr  error
	server     *Cluster
	databases  atomic.Int64
)

// Main runs the tests of a package and then stops the PostgreSQL server that
// they started, if any: func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }.
// Without it the server ends when the test process does.
func Main(m interface{ Run() int }) int {
	code := m.Run()
	Stop()
	return code
}

// Stop stops the server that was started, if any.
func Stop() {
	// On a server of somebody else the template would stay.
	_ = dropTemplate()
	if server == nil {
		return
	}
	server.remove()
}

// PostgresURL returns the URL of a fresh, empty database, dropped after the test.
func PostgresURL(t testing.TB) string {
	t.Helper()
	return cleaned(t)(Database())
}

// cleaned takes what made a database and has it dropped after the test.
func cleaned(t testing.TB) func(databaseURL string, drop func() error, err error) string {
	return func(databaseURL string, drop func() error, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := drop(); err != nil {
				t.Errorf("drop the test database: %v", err)
			}
		})
		return databaseURL
	}
}

// Database makes a fresh, empty database on the server of URLVariable, or on a
// private one, for programs that are no tests. They call Stop in the end.
func Database() (databaseURL string, drop func() error, err error) { return create("") }

func create(options string) (databaseURL string, drop func() error, err error) {
	serverOnce.Do(func() { serverURL, serverErr = start() })
	if serverErr != nil {
		return "", nil, fmt.Errorf("a real PostgreSQL is needed: %w", serverErr)
	}
	name := fmt.Sprintf("steno_test_%d_%d", os.Getpid(), databases.Add(1))
	if err := admin("CREATE DATABASE " + name + options); err != nil {
		return "", nil, fmt.Errorf("create a database: %w", err)
	}
	u, err := url.Parse(serverURL)
	if err != nil {
		return "", nil, err
	}
	u.Path = "/" + name
	return u.String(), func() error { return admin("DROP DATABASE " + name + " WITH (FORCE)") }, nil
}

// nameOf returns the name of the database behind a URL.
func nameOf(databaseURL string) (string, error) {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(u.Path, "/"), nil
}

// Vanish makes a database of PostgresURL refuse all connections, the present
// ones included, as a server does that is shut down.
func Vanish(t testing.TB, databaseURL string) {
	t.Helper()
	name, err := nameOf(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"ALTER DATABASE " + name + " WITH ALLOW_CONNECTIONS false",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name + "'",
	} {
		if err := admin(statement); err != nil {
			t.Fatalf("make the database vanish: %v", err)
		}
	}
}

func admin(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, serverURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, statement)
	return err
}

// start starts a private server, unless there is one to be used.
func start() (string, error) {
	if u := os.Getenv(URLVariable); u != "" {
		return u, nil
	}
	sweep()
	c, err := newCluster("-c", "fsync=off", "-c", "full_page_writes=off")
	if err != nil {
		return "", err
	}
	server = c
	return c.url, c.start()
}

func waitFor(u, log string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, u)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			text, _ := os.ReadFile(log)
			return fmt.Errorf("the server did not start: %w\n%s", err, text)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// findBinaries returns the directory of the newest installed PostgreSQL.
func findBinaries() (string, error) {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(dirs) > 0 {
		slices.Sort(dirs)
		return filepath.Dir(dirs[len(dirs)-1]), nil
	}
	if p, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(p), nil
	}
	return "", errors.New("it is not installed; on Debian run `apt-get install postgresql`, or set " + URLVariable +
		" to the URL of a server on which databases may be created")
}

// credential returns the user to run the server as: PostgreSQL refuses root.
func credential(dir string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil //nolint:nilnil // nil means: as ourselves
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("tests run as root, and PostgreSQL refuses root: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, int(uid), int(gid))
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil //nolint:forcetypeassert // a TCP listener
}

const prefix = "steno-test-postgres-"

// sweep removes the files of servers whose test process was killed.
func sweep() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	for _, d := range dirs {
		pid, err := strconv.Atoi(strings.Split(strings.TrimPrefix(filepath.Base(d), prefix), "-")[0])
		if err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = os.RemoveAll(d)
		}
	}
}
