package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/pave-platform/pave"
)

// ErrUnique is in the chain of an error about a row whose key is taken; its code
// is Conflict.
var ErrUnique = errors.New("the key is taken")

// errContention marks what PostgreSQL ended so that another could go on.
var errContention = errors.New("ended in favour of another transaction")

func isContention(err error) bool { return errors.Is(err, errContention) }

// mapError turns a driver's error into pave's: Conflict with ErrUnique for a
// taken key, Unavailable with a reason for a full disk, a locked, read-only or
// lost database. Ended contexts, sql.ErrNoRows and defects in SQL stay as they
// are.
func mapError(err error) error {
	var known *pave.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, sql.ErrNoRows) || isContention(err) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var lite *sqlite.Error
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &lite):
		return mapSQLite(lite.Code(), err)
	case errors.As(err, &pg):
		return mapPostgreSQL(pg.Code, err)
	case errors.Is(err, syscall.ENOSPC):
		return unavailable("disk full", err)
	case isLost(err):
		return unavailable("connection lost", err)
	}
	return err
}

func unavailable(reason string, err error) *pave.Error {
	e := pave.Errorf(pave.Unavailable, "the store is unavailable (%s): %w", reason, discreet(err))
	switch reason {
	case "disk full":
		e = e.WithHint("free space on the disk of the store; work goes on by itself")
	case "connection lost":
		e = e.WithHint("try again in a moment; work goes on by itself when the database of PAVE_STORE_URL answers")
	}
	return e
}

// discreet is the cause of a lost connection without its address, user and
// database, which are nothing for the callers of the API.
func discreet(err error) error {
	var connect *pgconn.ConnectError
	if !errors.As(err, &connect) {
		return err
	}
	deepest := connect.Unwrap()
	for {
		var next error
		switch e := deepest.(type) {
		case interface{ Unwrap() error }:
			next = e.Unwrap()
		case interface{ Unwrap() []error }:
			if all := e.Unwrap(); len(all) > 0 {
				next = all[len(all)-1]
			}
		}
		if next == nil {
			return deepest
		}
		deepest = next
	}
}

func unique(err error) error {
	return &pave.Error{Code: pave.Conflict, Message: "a row is already there", Err: fmt.Errorf("%w: %w", ErrUnique, err)}
}

func mapSQLite(code int, err error) error {
	switch code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return unique(err)
	case sqlite3.SQLITE_INTERRUPT:
		return fmt.Errorf("%w: %w", context.Canceled, err)
	}
	switch code & 0xff {
	case sqlite3.SQLITE_FULL:
		return unavailable("disk full", err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return unavailable("database locked", err)
	case sqlite3.SQLITE_READONLY:
		return unavailable("database read-only", err)
	case sqlite3.SQLITE_CANTOPEN:
		return unavailable("cannot open the file", err)
	case sqlite3.SQLITE_IOERR:
		// A full disk met while growing the shared-memory file is an I/O error.
		if code == sqlite3.SQLITE_IOERR_SHMSIZE {
			return unavailable("disk full", err)
		}
		return unavailable("disk error", err)
	}
	return err
}

func mapPostgreSQL(state string, err error) error {
	switch state {
	case "23505":
		return unique(err)
	case "40001", "40P01":
		return fmt.Errorf("%w: %w", errContention, err)
	case "53100":
		return unavailable("disk full", err)
	case "53300":
		return unavailable("too many connections", err)
	case "55P03":
		return unavailable("database locked", err)
	case "25P03": // postgresPause
		return unavailable("connection lost", err)
	case "25006":
		return unavailable("database read-only", err)
	case "57014":
		return fmt.Errorf("%w: %w", context.Canceled, err)
	}
	switch state[:min(2, len(state))] {
	case "08", "57":
		return unavailable("connection lost", err)
	case "28":
		return unavailable("login refused", err)
	case "53":
		return unavailable("server out of resources", err)
	}
	return err
}

func isLost(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		strings.HasSuffix(err.Error(), "conn closed")
}
