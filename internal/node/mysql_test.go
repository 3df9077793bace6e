package node

import (
	databases "database/sql"
	"fmt"
	"os"
	"os/user"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"

	"github.com/pave-platform/pave"
)

// needMySQL skips without MariaDB, but never in CI.
func needMySQL(t *testing.T) {
	t.Helper()
	if _, _, err := FindMySQL(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err, pave.HintOf(err))
		}
		t.Skip(err)
	}
}

func mysqlDo(t *testing.T, dsn string, statements ...string) error {
	t.Helper()
	db, err := databases.Open("mysql", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			return err
		}
	}
	return nil
}

func TestMySQL(t *testing.T) {
	t.Parallel()
	needMySQL(t)
	b := newBench(t)
	if _, err := b.PutServer(t.Context(), Server{ID: "mysql", Kind: "mysql"}); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	st := serving(t, b, "mysql", 0)
	t.Logf("made and ready in %v", time.Since(begin))
	if st.Port == 0 || !strings.HasPrefix(st.Version, "1") {
		t.Errorf("status %+v", st)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	admin := fmt.Sprintf("%s@unix(%s)/", me.Username, st.MySQLSocket())
	err = mysqlDo(t, admin, "CREATE DATABASE app", "CREATE TABLE app.t (n int)", "INSERT INTO app.t VALUES (1)",
		"CREATE USER app@'127.0.0.1' IDENTIFIED BY 'pvcnry-my-1'", "GRANT ALL ON app.* TO app@'127.0.0.1'")
	if err != nil {
		t.Fatal(err)
	}
	tcp := "%s@tcp(127.0.0.1:%d)/"
	if err := mysqlDo(t, fmt.Sprintf(tcp, "app:pvcnry-my-1", st.Port), "SELECT 1"); err != nil {
		t.Errorf("a user with its password is refused: %v", err)
	}
	for _, who := range []string{me.Username, me.Username + ":invalid", "root", "root:invalid", "app:wrong", "app", ""} {
		if err := mysqlDo(t, fmt.Sprintf(tcp, who, st.Port), "SELECT 1"); err == nil {
			t.Errorf("%q got in by TCP", who)
		}
	}
	if err := mysqlDo(t, strings.Replace(admin, me.Username+"@", "app:pvcnry-my-1@", 1), "SELECT 1"); err == nil {
		t.Error("a user of TCP came in by the socket")
	}
	elsewhere := t.TempDir()
	if err := os.Chmod(elsewhere, 0o777); err != nil { // as a service would
		t.Fatal(err)
	}
	for _, engine := range []string{"InnoDB", "Aria", "MyISAM"} {
		app := fmt.Sprintf(tcp, "app:pvcnry-my-1", st.Port) + "app"
		_ = mysqlDo(t, app, fmt.Sprintf("CREATE TABLE e_%s (n int) ENGINE=%[1]s DATA DIRECTORY='%s'", engine, elsewhere))
		if entries, err := os.ReadDir(elsewhere); err != nil || len(entries) > 0 {
			t.Errorf("a service has the server write to a folder of its own with %s: %v, %v", engine, entries, err)
		}
	}
	again, err := b.PutServer(t.Context(), Server{ID: "mysql", Kind: "mysql"})
	if err != nil || again.PID != st.PID {
		t.Errorf("put again: %+v, %v, want the same process", again, err)
	}
	_ = syscall.Kill(st.PID, syscall.SIGKILL)
	begin = time.Now()
	next := serving(t, b, "mysql", st.PID)
	t.Logf("back in %v", time.Since(begin))
	if err := mysqlDo(t, admin, "SELECT n FROM app.t WHERE n = 1 LIMIT 1", "UPDATE app.t SET n = 2 WHERE n = 1"); err != nil || next.Port != st.Port {
		t.Errorf("after a crash: %v, %+v", err, next)
	}
	if err := b.DeleteServer(t.Context(), "mysql"); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(b.opts.Home + "/servers")
	if len(entries) != 1 || !strings.HasPrefix(entries[0].Name(), "mysql~") {
		t.Errorf("data was not kept aside: %v", entries)
	}
}
